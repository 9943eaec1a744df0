import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { IdempotencyConflict, MessageId } from "../../domain/Message.ts"
import { type Schedule, ScheduleId, ScheduleNotChangeable, ScheduleNotFound, type ScheduleStatus, TooManySchedules } from "../../domain/Schedule.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { makeDialect } from "../database/Dialect.ts"
import { columnsOf, decodeSchedules, scheduleColumns } from "./ScheduleRow.ts"
import type { NewSchedule, ScheduleCall } from "./Schedules.ts"

const mostActive = 1000

const decodeEarlier = Schema.decodeUnknown(
  Schema.Array(Schema.Struct({ scheduleId: ScheduleId, requestHash: Schema.NullOr(Schema.String) }))
)
const decodeCount = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ count: Schema.Int })))
const decodeSlots = Schema.decodeUnknown(Schema.Array(Schema.Struct({
  slot: Schema.DateTimeUtcFromNumber,
  messageId: Schema.NullOr(MessageId),
  at: Schema.DateTimeUtcFromNumber
})))

/** What people do with schedules. */
export const makeScheduleBook = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const columns = sql.literal(scheduleColumns)

  const find = Effect.fnUntraced(function*(deviceId: DeviceId, scheduleId: ScheduleId) {
    const [schedule] = yield* decodeSchedules(
      yield* sql`SELECT ${columns} FROM schedules WHERE schedule_id = ${scheduleId} AND device_id = ${deviceId}`
    )
    return schedule ?? (yield* new ScheduleNotFound({ scheduleId }))
  })
  const written = (deviceId: DeviceId, scheduleId: ScheduleId) =>
    Effect.catchTag(find(deviceId, scheduleId), "ScheduleNotFound", Effect.die)

  /** The schedule of the first call with this key, if there was one. */
  const earlier = Effect.fnUntraced(function*(deviceId: DeviceId, { idempotencyKey, requestHash }: ScheduleCall) {
    if (idempotencyKey === undefined) return undefined
    const [first] = yield* decodeEarlier(yield* sql`SELECT schedule_id, request_hash FROM schedules
      WHERE device_id = ${deviceId} AND idempotency_key = ${idempotencyKey}`)
    if (first === undefined) return undefined
    if (first.requestHash !== requestHash) return yield* new IdempotencyConflict({ idempotencyKey })
    return yield* written(deviceId, first.scheduleId)
  })

  /** With the device's row locked: its slot does not come meanwhile. */
  const changing = (deviceId: DeviceId, scheduleId: ScheduleId, values: Readonly<Record<string, unknown>>) =>
    Effect.gen(function*() {
      yield* lock.byId(deviceId)
      const { id, status } = yield* find(deviceId, scheduleId)
      if (status !== "active") return yield* new ScheduleNotChangeable({ scheduleId, status })
      yield* sql`UPDATE schedules SET ${sql.update({ ...values, updatedAt: yield* Clock.currentTimeMillis })} WHERE id = ${id}`
      return yield* written(deviceId, scheduleId)
    }).pipe(sql.withTransaction, retryConflicts, atBoundary)

  return {
    create: Effect.fn("Schedules.create")((deviceId: DeviceId, schedule: NewSchedule, call: ScheduleCall) =>
      Effect.gen(function*() {
        const device = yield* lock.byId(deviceId)
        if (Option.isNone(device) || device.value.wanted === "deleted") return yield* new DeviceNotFound({ deviceId })
        const { idempotencyKey, requestHash } = call
        const before = yield* earlier(deviceId, call)
        if (before !== undefined) return { schedule: before, replayed: true }
        const [{ count }] = yield* Effect.flatMap(
          sql`SELECT COUNT(*) AS count FROM schedules WHERE device_id = ${deviceId} AND status = 'active'`,
          decodeCount
        )
        if (count >= mostActive) return yield* new TooManySchedules({ limit: mostActive })
        const now = yield* Clock.currentTimeMillis
        const scheduleId = ScheduleId.make(`schedule-${now}${randomBytes(4).toString("hex")}`)
        yield* sql`INSERT INTO schedules ${
          sql.insert({
            ...columnsOf(schedule),
            scheduleId,
            deviceId,
            userId: device.value.userId,
            status: "active",
            idempotencyKey: idempotencyKey ?? null,
            requestHash: requestHash ?? null,
            createdAt: now,
            updatedAt: now
          })
        }`
        return { schedule: yield* written(deviceId, scheduleId), replayed: false }
      }).pipe(sql.withTransaction, retryConflicts, atBoundary)
    ),

    earlier: Effect.fn("Schedules.earlier")((deviceId: DeviceId, call: ScheduleCall) =>
      earlier(deviceId, call).pipe(Effect.map(Option.fromNullable), atBoundary)
    ),

    get: Effect.fn("Schedules.get")((deviceId: DeviceId, scheduleId: ScheduleId) => atBoundary(find(deviceId, scheduleId))),

    list: Effect.fn("Schedules.list")(function*(deviceId: DeviceId, { before, limit, status }: {
      readonly status?: ScheduleStatus | undefined
      readonly before?: number | undefined
      readonly limit: number
    }) {
      return yield* decodeSchedules(
        yield* sql`SELECT ${columns} FROM schedules WHERE ${sql.and([
          sql`device_id = ${deviceId}`,
          ...(status === undefined ? [] : [sql`status = ${status}`]),
          ...(before === undefined ? [] : [sql`id < ${before}`])
        ])} ORDER BY id DESC ${dialect.limit(limit)}`
      )
    }, atBoundary),

    slots: Effect.fn("Schedules.slots")(function*({ id }: Schedule, limit: number) {
      return yield* decodeSlots(
        yield* sql`SELECT s.slot, m.message_id, s.created_at AS at FROM schedule_slots s
          LEFT JOIN messages m ON m.id = s.message_row WHERE s.schedule_row = ${id} ORDER BY s.slot DESC ${dialect.limit(limit)}`
      )
    }, atBoundary),

    change: Effect.fn("Schedules.change")((deviceId: DeviceId, scheduleId: ScheduleId, schedule: NewSchedule) =>
      changing(deviceId, scheduleId, columnsOf(schedule))
    ),
    cancel: Effect.fn("Schedules.cancel")((deviceId: DeviceId, scheduleId: ScheduleId) =>
      changing(deviceId, scheduleId, { status: "cancelled", slot: null, nextAt: null })
    )
  }
})
