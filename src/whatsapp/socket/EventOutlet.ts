import { Effect, Queue, Runtime } from "effect"
import type { SocketEvent } from "../Connection.ts"

/**
 * The events of one socket, in order, `Closed` last. What does not fit into the bounded queue waits here, and the socket
 * is not read until it has gone: no more can come than what was being handled.
 */
export const makeEventOutlet = Effect.fnUntraced(function*(capacity: number) {
  const queue = yield* Queue.bounded<SocketEvent>(capacity)
  const scope = yield* Effect.scope
  const runFork = Runtime.runFork(yield* Effect.runtime<never>())
  const waiting: Array<SocketEvent> = []
  let flow = { pause: () => {}, resume: () => {} }
  let last: SocketEvent["_tag"] | undefined
  let lane: Promise<unknown> = Promise.resolve()

  const pump = Effect.gen(function*() {
    while (waiting.length > 0) {
      yield* Queue.offer(queue, waiting[0]!)
      waiting.shift()
    }
    flow.resume()
  })

  const push = (event: SocketEvent) => {
    if (last === "Closed") return
    // one that nobody has taken yet says it all
    if (event._tag === "Journalled" && last === "Journalled" && waiting.length + size() > 0) return
    last = event._tag
    if (waiting.length === 0 && Queue.unsafeOffer(queue, event)) return
    waiting.push(event)
    if (waiting.length > 1) return
    flow.pause()
    runFork(Effect.forkIn(pump, scope))
  }
  const size = () => {
    const length = queue.unsafeSize()
    return length._tag === "Some" ? length.value : 0
  }

  return {
    events: queue as Queue.Dequeue<SocketEvent>,
    /** Says it after all that was said before, and after `when`; if `when` fails, not at all. */
    publish: (event: SocketEvent, when?: Promise<unknown>): void => {
      lane = lane.then(() => when).then(() => push(event), () => undefined)
    },
    /** Settles when all that was published stands in the queue or waits for a place in it. */
    flushed: () => lane,
    onFull: (control: { readonly pause: () => void; readonly resume: () => void }) => {
      flow = control
    }
  }
})

export type EventOutlet = Effect.Effect.Success<ReturnType<typeof makeEventOutlet>>
