import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Option, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { lastSlot, type Schedule, ScheduleId, sendTime, slotAfter } from "../../domain/Schedule.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { Priority } from "../outbox/Priority.ts"
import { makeOutboxIntake } from "../outbox/OutboxIntake.ts"
import { decodeSchedules, scheduleColumns } from "./ScheduleRow.ts"

/** Milliseconds; later than this a slot was missed. A restart takes less. */
const inTime = 120_000

const decodeDue = Schema.decodeUnknown(Schema.Array(Schema.Struct({ scheduleId: ScheduleId, deviceId: DeviceId })))

/** Schedules whose time has come. */
export const makeScheduleRun = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const accept = yield* makeOutboxIntake
  const columns = sql.literal(scheduleColumns)

  const send = Effect.fnUntraced(function*({ content, deviceId, id, scheduleId, to }: Schedule, slot: DateTime.Utc) {
    const { message } = yield* accept({
      deviceId,
      request: SendRequest.New({ to, content, quoted: undefined }),
      priority: Priority.scheduled,
      // no caller's key has a space
      idempotencyKey: `${scheduleId} ${slot.epochMillis}`
    })
    yield* sql`INSERT INTO schedule_slots ${
      sql.insert({ scheduleRow: id, slot: slot.epochMillis, messageRow: message.id, createdAt: yield* Clock.currentTimeMillis })
    }`
  })

  const run = Effect.fnUntraced(function*(scheduleId: ScheduleId, deviceId: DeviceId) {
    if (Option.isNone(yield* lock.byId(deviceId))) return false
    const now = yield* DateTime.now
    // another process may have been first
    const [schedule] = yield* decodeSchedules(
      yield* sql`SELECT ${columns} FROM schedules WHERE schedule_id = ${scheduleId} AND status = 'active' AND next_at <= ${now.epochMillis}`
    )
    if (schedule?.slot == null || schedule.nextAt === null) return false
    const { id, slot: first, timing } = schedule
    const until = DateTime.subtract(now, { millis: inTime })
    // slots in the same quiet hours are one message, too
    const slot = lastSlot(timing, first, now)
    const isLate = DateTime.lessThan(sendTime(timing, slot), until)
    const sent = !isLate || timing.missed === "send_once"
    const waits = DateTime.greaterThan(sendTime(timing, slot), now)
    if (waits) {
      // of the slots that came, the last falls into quiet hours
      yield* sql`UPDATE schedules SET ${
        sql.update({ slot: slot.epochMillis, nextAt: sendTime(timing, slot).epochMillis, updatedAt: now.epochMillis })
      } WHERE id = ${id}`
      return false
    }
    if (sent) yield* send(schedule, slot)
    else {
      yield* sql`INSERT INTO schedule_slots ${
        sql.insert({ scheduleRow: id, slot: slot.epochMillis, messageRow: null, createdAt: now.epochMillis })
      }`
    }
    const next = slotAfter(timing, now)
    yield* sql`UPDATE schedules SET ${
      sql.update(Option.match(next, {
        onNone: () => ({ status: sent ? "completed" : "missed", slot: slot.epochMillis, nextAt: null, updatedAt: now.epochMillis }),
        onSome: (following) => ({
          status: "active",
          slot: following.epochMillis,
          nextAt: sendTime(timing, following).epochMillis,
          updatedAt: now.epochMillis
        })
      }))
    } WHERE id = ${id}`
    return sent
  })

  return {
    due: Effect.fn("Schedules.due")(function*(limit: number) {
      const now = yield* Clock.currentTimeMillis
      return yield* decodeDue(
        yield* sql`SELECT schedule_id, device_id FROM schedules WHERE next_at <= ${now} AND status = 'active'
          ORDER BY next_at ${dialect.limit(limit)}`
      )
    }, atBoundary),

    run: Effect.fn("Schedules.run")(({ deviceId, scheduleId }: { readonly scheduleId: ScheduleId; readonly deviceId: DeviceId }) =>
      run(scheduleId, deviceId).pipe(
        Effect.catchTags({
          DeviceNotFound: () => Effect.succeed(false),
          IdempotencyConflict: Effect.die,
          Forbidden: Effect.die,
          MessageNotChangeable: Effect.die,
          MessageNotFound: Effect.die
        }),
        events.transaction,
        retryConflicts,
        // its slot has been sent
        Effect.catchIf(isDuplicate, () => Effect.succeed(false)),
        atBoundary
      )
    )
  }
})
