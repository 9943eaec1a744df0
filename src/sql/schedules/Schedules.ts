import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { IdempotencyConflict } from "../../domain/Message.ts"
import type { Composition } from "../../domain/OutgoingContent.ts"
import type { Schedule, ScheduleId, ScheduleNotChangeable, ScheduleNotFound, ScheduleSlot, ScheduleStatus, Timing, TooManySchedules } from "../../domain/Schedule.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { makeScheduleBook } from "./ScheduleBook.ts"
import { makeScheduleRun } from "./ScheduleRun.ts"

export interface NewSchedule {
  readonly to: Jid
  readonly content: Composition
  readonly timing: Timing
  /** the first slot */
  readonly slot: DateTime.Utc
}

export interface ScheduleCall {
  readonly idempotencyKey: string | undefined
  readonly requestHash: string | undefined
}

/** Messages that wait for a time. */
export class Schedules extends Context.Tag("whatsapp-service/Schedules")<Schedules, {
  /** The same key with the same hash answers with the schedule of the first call (`replayed`). */
  readonly create: (deviceId: DeviceId, schedule: NewSchedule, call: ScheduleCall) => Effect.Effect<
    { readonly schedule: Schedule; readonly replayed: boolean },
    DeviceNotFound | IdempotencyConflict | StorageUnavailable | TooManySchedules
  >
  /** The schedule of the first call with this key: its time may have passed by now. */
  readonly earlier: (deviceId: DeviceId, call: ScheduleCall) => Effect.Effect<
    Option.Option<Schedule>,
    IdempotencyConflict | StorageUnavailable
  >
  readonly get: (deviceId: DeviceId, scheduleId: ScheduleId) => Effect.Effect<Schedule, ScheduleNotFound | StorageUnavailable>
  /** Newest first, at most `limit` before the row id `before`. */
  readonly list: (deviceId: DeviceId, page: {
    readonly status?: ScheduleStatus | undefined
    readonly before?: number | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Schedule>, StorageUnavailable>
  /** The last slots that came, newest first. */
  readonly slots: (schedule: Schedule, limit: number) => Effect.Effect<ReadonlyArray<ScheduleSlot>, StorageUnavailable>
  /** From the slot of `schedule` on it is this one. */
  readonly change: (deviceId: DeviceId, scheduleId: ScheduleId, schedule: NewSchedule) => Effect.Effect<
    Schedule,
    ScheduleNotChangeable | ScheduleNotFound | StorageUnavailable
  >
  /** What is in the outbox already goes out. */
  readonly cancel: (deviceId: DeviceId, scheduleId: ScheduleId) => Effect.Effect<
    Schedule,
    ScheduleNotChangeable | ScheduleNotFound | StorageUnavailable
  >

  /** Those whose time has come, at most `limit`. */
  readonly due: (limit: number) => Effect.Effect<
    ReadonlyArray<{ readonly scheduleId: ScheduleId; readonly deviceId: DeviceId }>,
    StorageUnavailable
  >
  /** Puts the message of the slot that has come into the outbox, once whoever calls; true if there is one now. */
  readonly run: (due: { readonly scheduleId: ScheduleId; readonly deviceId: DeviceId }) => Effect.Effect<boolean, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Schedules,
    Effect.map(Effect.all([makeScheduleBook, makeScheduleRun]), ([book, run]) => Schedules.of({ ...book, ...run }))
  )
}
