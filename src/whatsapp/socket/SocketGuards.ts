import type { BinaryNode, WASocket } from "@whiskeysockets/baileys"
import { Duration, Option } from "effect"
import { WebSocket } from "ws"
import { ClosedBecause, connectionLost, unreadableFrame, UpgradeRefused } from "./CloseReason.ts"
import { within } from "./Deadline.ts"
import { WriteGate } from "./WriteGate.ts"

export interface SocketGuards {
  readonly gate: WriteGate
  /** Ends the socket; nothing leaves it any more. The first reason counts. */
  readonly fail: (error: Error) => void
  readonly failure: () => Error | undefined
  /** Lets every open question to the server fail now. */
  readonly settle: () => void
  /** Closes, and settles when the TCP connection is gone: a second from now at the latest. */
  readonly hangUp: () => Promise<void>
  readonly pause: () => void
  readonly resume: () => void
}

type Listener = (...args: ReadonlyArray<unknown>) => unknown

const unhandled = { ...unreadableFrame, text: "WhatsApp sent something that could not be handled." }
const lost = { ...connectionLost, code: null }

/** Small frames, such as acks, come in crowds, and what they lead to is cheaper done together. */
const turnMillis = 2

/** A peer that answers the close frame needs a round trip, a dead one would keep us for 30 s. */
const closeTimeout = 1000

/**
 * Stands between Baileys and its WebSocket: what a listener throws ends this socket and not the process; frames pass the
 * write gate; refused upgrades and dead links end in time. `heard` is called for every frame that could be read, `before`
 * ahead of the listeners of a stanza (`CB:…`) or an answer (`TAG:…`), which wait for it, `handling` hears when those of a
 * message have ended; what they hand over to the database is `durable` before an answer of theirs leaves.
 */
export const guardSocket = (sock: WASocket, hooks: {
  readonly heard: () => void
  readonly before: (event: string, stanza: BinaryNode) => Promise<void> | undefined
  readonly handling: (handled: Promise<unknown>) => void
  readonly durable: () => Promise<void> | undefined
}): SocketGuards => {
  const { ws } = sock
  const raw: unknown = Reflect.get(ws, "socket")
  if (!(raw instanceof WebSocket)) throw new Error("Baileys has no WebSocket where it used to have one")
  const permanent = new Set<unknown>([...ws.rawListeners("close"), ...ws.rawListeners("error")])
  let failure: Error | undefined
  let incoming: Promise<void> = Promise.resolve()
  let turnBegan = 0
  /** Lets everybody else have their turn of the event loop, unless this one is young. */
  const yieldTurn = async () => {
    if (performance.now() - turnBegan < turnMillis) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    turnBegan = performance.now()
  }

  const send = raw.send.bind(raw) as (data: Uint8Array | string) => void
  const gate = new WriteGate((data) => {
    try {
      send(data)
    } catch (error) {
      fail(new ClosedBecause(lost, error))
    }
  }, hooks.durable)
  raw.send = (data: Uint8Array | string, callback?: unknown) =>
    gate.send(data, typeof callback === "function" ? (error) => callback(error) : undefined)

  const fail = (error: Error) => {
    if (failure !== undefined) return
    failure = error
    gate.seal(error)
    void sock.end(error)
  }

  const call = async (event: string | symbol, listener: Listener, args: ReadonlyArray<unknown>) => {
    try {
      await listener.apply(ws, [...args])
    } catch (error) {
      // on a connection that has just ended whatever answers fails: that is not what WhatsApp has sent
      const trouble = raw.readyState === WebSocket.OPEN ? unhandled : lost
      fail(new ClosedBecause(event === "message" ? unreadableFrame : trouble, error))
    }
  }
  const dispatch = (event: string | symbol, args: ReadonlyArray<unknown>): Promise<unknown> =>
    Promise.all(ws.rawListeners(event).map((listener) => call(event, listener as Listener, args)))
  // Baileys tells its events out of timers, too, where nobody would catch what a listener throws
  const on = sock.ev.on.bind(sock.ev)
  sock.ev.on = (event, listener) =>
    on(event, (told) => {
      try {
        listener(told)
      } catch (error) {
        fail(new ClosedBecause(unhandled, error))
      }
    })
  const questions = (event: string) => ws.rawListeners(event).filter((listener) => !permanent.has(listener))
  const settle = () => {
    const closed = new Error("Connection Closed")
    for (const listener of new Set([...questions("close"), ...questions("error")])) (listener as Listener)(closed)
  }

  const closeAfter = async (frames: Promise<unknown>, args: ReadonlyArray<unknown>) => {
    await frames
    settle()
    void dispatch("close", args)
  }

  ws.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>): boolean => {
    if (event === "frame") hooks.heard()
    if (ws.listenerCount(event) === 0) return false
    if (event === "message") {
      // one after the other: inflating one frame takes longer than reading the next; and a few in a turn of the event loop,
      // since with a synchronous database a burst would otherwise be handled in one go while everybody else waits
      incoming = incoming
        .then(() => Promise.all(ws.rawListeners(event).map((listener) => call(event, listener as Listener, args))))
        .then(yieldTurn)
      return true
    }
    if (event === "close") {
      // why the server closes stands in the frames before it
      void closeAfter(within(closeTimeout, incoming), args)
      return true
    }
    const [stanza] = args as ReadonlyArray<BinaryNode | undefined>
    // a question that is given up is told as an answer that is none
    const ready = typeof event === "string" && /^(CB|TAG):/.test(event) && stanza !== undefined ? hooks.before(event, stanza) : undefined
    const handled = ready === undefined ? dispatch(event, args) : ready.then(() => dispatch(event, args))
    if (event === "CB:message") hooks.handling(handled)
    return true
  }

  const hangUp = () => {
    if (raw.readyState === WebSocket.CLOSED) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => raw.terminate(), closeTimeout)
    raw.once("close", () => {
      clearTimeout(timer)
      resolve()
    })
    raw.close()
    return promise
  }
  ws.close = () => {
    settle()
    return hangUp()
  }

  // a listener of its own would take the refusal from `ws`, which then waits for ever
  raw.removeAllListeners("unexpected-response")
  raw.on("unexpected-response", (request, response) => {
    response.resume()
    fail(new UpgradeRefused(response.statusCode ?? 0, Option.getOrUndefined(retryAfter(response.headers["retry-after"]))))
    request.destroy()
  })

  return {
    gate,
    fail,
    failure: () => failure,
    settle,
    hangUp,
    pause: () => raw.pause(),
    resume: () => raw.resume()
  }
}

const longestRetryAfter = Duration.hours(1)

/** Seconds, or a date; at most an hour, whatever a proxy may say. */
export const retryAfter = (header: string | undefined, now = Date.now()): Option.Option<Duration.Duration> => {
  if (header === undefined) return Option.none()
  const millis = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(millis) && millis >= 0
    ? Option.some(Duration.min(Duration.millis(millis), longestRetryAfter))
    : Option.none()
}
