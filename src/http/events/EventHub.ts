import { Context, Data, Effect, Layer, PubSub, type Queue, Ref, Schedule, type Scope, Stream } from "effect"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"
import { wholeNumber } from "../../domain/Settings.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { Shutdown } from "../Shutdown.ts"
import { eventFrame } from "./EventFrame.ts"

export type HubMessage = Data.TaggedEnum<{
  /** `bytes` is made once for all who get it */
  Event: { readonly event: ServiceEvent; readonly bytes: Uint8Array }
  Draining: {}
}>
export const HubMessage = Data.taggedEnum<HubMessage>()

/**
 * Reads the event log once for all streams of this process. What was read last is kept in one ring; a subscriber that is
 * slower than the ring misses events, which it sees by their ids: those have no gaps.
 */
export class EventHub extends Context.Tag("whatsapp-service/EventHub")<EventHub, {
  /** From now on, in order; what came before is the subscriber's to read from the log. */
  readonly subscribe: Effect.Effect<Queue.Dequeue<HubMessage>, StorageUnavailable, Scope.Scope>
  readonly subscribers: Effect.Effect<number>
}>() {
  static readonly layer = Layer.scoped(
    EventHub,
    Effect.gen(function*() {
      const log = yield* EventLog
      const shutdown = yield* Shutdown
      const size = yield* wholeNumber("EVENT_BUFFER", { from: 16, to: 1_000_000, fallback: 2048 })
      const ring = yield* PubSub.sliding<HubMessage>(size)
      const subscribers = yield* Ref.make(0)
      // undefined while nobody listens: then nothing is read
      const cursor = yield* Ref.make<number | undefined>(undefined)
      const reading = yield* Effect.makeSemaphore(1)

      const page = Effect.gen(function*() {
        const after = yield* Ref.get(cursor)
        if (after === undefined) return false
        const events = yield* log.after({ after, limit: pageSize })
        const last = events.at(-1)
        if (last === undefined) return false
        yield* PubSub.publishAll(ring, events.map((event) => HubMessage.Event({ event, bytes: eventFrame(event) })))
        yield* Ref.set(cursor, last.id)
        // lets the subscribers take this page before the next one pushes it out of the ring
        yield* Effect.yieldNow()
        return events.length === pageSize
      }).pipe(reading.withPermits(1))

      yield* log.changes.pipe(
        Stream.runForEach(() => Effect.repeat(page, { while: (more) => more })),
        Effect.tapErrorCause((cause) => Effect.logWarning("The event stream could not read the log; trying again", cause)),
        Effect.retry(retrying),
        Effect.forkScoped
      )

      yield* shutdown.begun.pipe(
        Effect.zipRight(PubSub.publish(ring, HubMessage.Draining())),
        Effect.forkScoped
      )

      const join = reading.withPermits(1)(Effect.gen(function*() {
        if ((yield* Ref.get(cursor)) === undefined) yield* Ref.set(cursor, yield* log.latest)
        yield* Ref.update(subscribers, (count) => count + 1)
      }))
      const leave = reading.withPermits(1)(Effect.gen(function*() {
        const left = yield* Ref.updateAndGet(subscribers, (count) => count - 1)
        if (left === 0) yield* Ref.set(cursor, undefined)
      }))

      return EventHub.of({
        subscribe: Effect.zipRight(Effect.acquireRelease(join, () => leave), PubSub.subscribe(ring)),
        subscribers: Ref.get(subscribers)
      })
    })
  )
}

const pageSize = 500
const retrying = Schedule.exponential("200 millis").pipe(Schedule.union(Schedule.spaced("10 seconds")), Schedule.jittered)
