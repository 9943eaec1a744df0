import { type BinaryNode, proto, type WASocket } from "@whiskeysockets/baileys"
import { DateTime, Deferred, Duration, Effect, Either } from "effect"
import { isGroupJid, type Jid, userOf } from "../../domain/Jid.ts"
import type { MessageId } from "../../domain/Message.ts"
import { ClosedBecause } from "../socket/CloseReason.ts"
import type { SocketGuards } from "../socket/SocketGuards.ts"
import { type Ack, SendNotAttempted, SendRefused, type SendError, SendUnacknowledged } from "../Connection.ts"
import { stanzaOf } from "./StanzaMarks.ts"
import type { Ticket } from "../socket/WriteGate.ts"

/** After it Baileys gives a question up and goes on as if it had been answered with nothing: we must be earlier. */
export const queryTimeout = Duration.seconds(20)
export const answerTimeout = Duration.seconds(19)
const ackTimeout = Duration.seconds(30)

export interface Sender {
  readonly send: (to: Jid, messageId: MessageId, content: Uint8Array, again?: boolean) => Effect.Effect<Ack, SendError>
  readonly onAck: (stanza: BinaryNode) => void
}

const lookupFailed = (cause: unknown) => new SendNotAttempted({ reason: "lookup_failed", cause })
const offline = (cause: unknown) => new SendNotAttempted({ reason: "offline", cause })

/**
 * Sends, and waits for what the server says to it: Baileys' own promise settles as soon as the bytes are handed to the
 * operating system, and is silent about a refusal.
 */
export const makeSender = (options: {
  readonly sock: WASocket
  readonly guards: SocketGuards
  readonly isOpen: () => boolean
  readonly closed: Effect.Effect<Error>
  readonly forgetDevices: (users: ReadonlyArray<string>) => void
}): Sender => {
  const { guards, sock } = options
  const waiters = new Map<string, Deferred.Deferred<BinaryNode>>()
  /** Groups in which the latest message has not been acknowledged. */
  const unproven = new Set<Jid>()
  // TCP may have ended a moment before anyone is told: what came in until then is dealt with first
  const isUp = () => options.isOpen() && sock.ws.isOpen
  const closedNow = Effect.flatMap(options.closed, (error) => Effect.fail(error))

  /** Who would get a copy. An empty answer must not become a message to nobody. */
  const preflight = Effect.fnUntraced(function*(to: Jid) {
    if (isGroupJid(to)) return
    const { id, lid } = sock.authState.creds.me ?? { id: "" }
    const own = to.endsWith("@lid") && lid ? `${lid.split(/[:@]/)[0]}@lid` : `${id.split(/[:@]/)[0]}@s.whatsapp.net`
    const devices = yield* Effect.tryPromise({
      try: () => sock.getUSyncDevices([own, to], true, false),
      catch: (cause) => isUp() ? lookupFailed(cause) : offline(cause)
    }).pipe(
      Effect.timeoutFail({
        duration: answerTimeout,
        onTimeout: () => lookupFailed(new Error("WhatsApp did not say which devices there are"))
      }),
      Effect.raceFirst(Effect.mapError(closedNow, offline))
    )
    // an answer without our own devices costs the phone its copy, and the ack's `phash` mends the list; nobody else misses anything
    if (devices.length === 0) return yield* lookupFailed(new Error("WhatsApp named no device at all"))
    if (!devices.some((device) => device.user === userOf(to))) {
      return yield* new SendNotAttempted({
        reason: "no_devices",
        cause: new Error("WhatsApp knows no device of the recipient")
      })
    }
  })

  const relay = (to: Jid, messageId: MessageId, message: proto.IMessage, ticket: Ticket) => {
    const { attributes, nodes } = stanzaOf(to, message)
    // read just before the stanza is sent, and after all questions that precede it: the next frame is the message
    const lastMoment = new Proxy(nodes, {
      get: (target, property) => {
        if (property === "length") guards.gate.mark(ticket)
        return Reflect.get(target, property)
      }
    })
    return Effect.tryPromise({
      try: () => sock.relayMessage(to, message, { messageId, additionalAttributes: attributes, additionalNodes: lastMoment }),
      catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
    })
  }

  /**
   * Baileys notes who has got the group's key before the message that brings it is on the wire: lost with it, none of them
   * could read what follows.
   */
  const handOutKeyAgain = (group: Jid) =>
    Effect.ignoreLogged(Effect.tryPromise(async () => sock.authState.keys.set({ "sender-key-memory": { [group]: null } })))

  const send = Effect.fn("WhatsApp.send")(function*(to: Jid, messageId: MessageId, content: Uint8Array, again = false) {
    if (!isUp()) return yield* offline(new Error("The device is not connected"))
    const message = proto.Message.decode(content)
    yield* preflight(to)
    if (isGroupJid(to)) {
      if (again || unproven.has(to)) yield* handOutKeyAgain(to)
      unproven.add(to)
    }
    const ack = yield* Deferred.make<BinaryNode>()
    const ticket: Ticket = { state: "waiting" }
    const tooLate = new Error("No ack in time")
    waiters.set(messageId, ack)
    const relayed = yield* relay(to, messageId, message, ticket).pipe(
      Effect.zipRight(Deferred.await(ack)),
      // an ack may overtake the end of the relay, which still has to commit
      Effect.raceFirst(Deferred.await(ack)),
      Effect.raceFirst(closedNow),
      Effect.timeoutFail({ duration: ackTimeout, onTimeout: () => tooLate }),
      Effect.either,
      Effect.ensuring(Effect.sync(() => waiters.get(messageId) === ack && waiters.delete(messageId)))
    )
    if (Either.isLeft(relayed)) {
      if (ticket.state === "written") return yield* new SendUnacknowledged({ cause: relayed.left })
      const failure = guards.failure()
      const reason = failure instanceof ClosedBecause && failure.reason.reason === "storage_unavailable"
        ? "storage"
        // not even written: it still waits for an answer that Baileys needs first
        : relayed.left === tooLate
        ? "lookup_failed"
        : isUp()
        ? "encryption_failed"
        : "offline"
      return yield* new SendNotAttempted({ reason, cause: relayed.left })
    }
    return yield* readAck(to, relayed.right)
  })

  const readAck = Effect.fnUntraced(function*(to: Jid, { attrs }: BinaryNode) {
    const code = Number(attrs["error"])
    if (attrs["phash"] !== undefined || code === 479) {
      options.forgetDevices([userOf(to), ...[sock.authState.creds.me?.id, sock.authState.creds.me?.lid].flatMap((id) => id?.split(/[:@]/)[0] ?? [])])
    }
    if (attrs["error"] === undefined) {
      unproven.delete(to)
      return { at: attrs["t"] === undefined ? yield* DateTime.now : DateTime.unsafeMake(Number(attrs["t"]) * 1000) }
    }
    if (code === 479) yield* forgetSessions(to)
    return yield* new SendRefused({ code: Number.isInteger(code) ? code : 0 })
  })

  /** The stanza did not fit what the server knows of the recipient's devices. */
  const forgetSessions = (to: Jid) =>
    Effect.tryPromise(async () => {
      const user = userOf(to)
      const stored = await sock.authState.keys.get("device-list", [user])
      const server = to.slice(to.indexOf("@"))
      await sock.signalRepository.deleteSession((stored[user] ?? ["0"]).map((device) => `${user}:${device}${server}`))
    }).pipe(Effect.ignoreLogged)

  return {
    send,
    onAck: (stanza) => {
      const waiter = waiters.get(stanza.attrs["id"] ?? "")
      if (waiter) Deferred.unsafeDone(waiter, Effect.succeed(stanza))
    }
  }
}
