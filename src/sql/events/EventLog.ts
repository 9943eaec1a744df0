import { Context, type Effect, Layer, type Stream } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { EventId, EventType, NewEvent, ServiceEvent } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { makeEventLog } from "./EventWriter.ts"

export interface EventFilter {
  /** only events with a larger id */
  readonly after: number
  readonly userId?: UserId | undefined
  readonly deviceId?: DeviceId | undefined
  /** of these devices alone */
  readonly deviceIds?: ReadonlyArray<DeviceId> | undefined
  readonly types?: ReadonlyArray<EventType> | undefined
  /** at most 1000 */
  readonly limit: number
}

/** Every fact that someone outside may want, in one order: ids grow in the order of commits and have no gaps. */
export class EventLog extends Context.Tag("whatsapp-service/EventLog")<EventLog, {
  /**
   * Runs `effect` as one transaction and wakes the readers after its commit. Nested calls join the outer transaction.
   * It runs once: what lost against another transaction (a deadlock) fails with {@link StorageUnavailable}, rolled back.
   */
  readonly transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StorageUnavailable, R>
  /**
   * Within a `transaction` the events are written as its last step, wherever this is called: the lock that makes the order
   * of ids the order of commits is held for the shortest time. Elsewhere they are written at once.
   */
  readonly append: (events: ReadonlyArray<NewEvent>) => Effect.Effect<void, StorageUnavailable>
  readonly after: (filter: EventFilter) => Effect.Effect<ReadonlyArray<ServiceEvent>, StorageUnavailable>
  /** Those of them that are still kept; at most 1000 ids. */
  readonly byId: (ids: ReadonlyArray<EventId>) => Effect.Effect<ReadonlyMap<EventId, ServiceEvent>, StorageUnavailable>
  /** The id of the newest event, 0 when there is none. */
  readonly latest: Effect.Effect<number, StorageUnavailable>
  /** The smallest id that is still kept, 0 when there is none. */
  readonly oldest: Effect.Effect<number, StorageUnavailable>
  /** Ticks after every commit with events here, and at least once a second for those of other processes. */
  readonly changes: Stream.Stream<void>
}>() {
  static readonly layer = Layer.effect(EventLog, makeEventLog)
}
