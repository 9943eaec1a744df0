import { Effect, Schema } from "effect"
import { TimeZone } from "../../domain/Calendar.ts"
import { StoredTemplate } from "../../domain/ContentTemplate.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { MissedSlot, Schedule, ScheduleId, ScheduleStatus, sendTime, type Timing } from "../../domain/Schedule.ts"
import { UserId } from "../../domain/User.ts"
import type { NewSchedule } from "./Schedules.ts"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)
const Row = Schema.Struct({
  id: Schema.Int,
  scheduleId: ScheduleId,
  deviceId: DeviceId,
  userId: UserId,
  status: ScheduleStatus,
  recipient: Jid,
  content: StoredTemplate,
  cron: Schema.NullOr(Schema.String),
  timeZone: TimeZone,
  missed: MissedSlot,
  quietFrom: Schema.NullOr(Schema.String),
  quietTo: Schema.NullOr(Schema.String),
  slot: time,
  nextAt: time,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})
export const scheduleColumns = `id, schedule_id, device_id, user_id, status, recipient, content, cron, time_zone, missed,
  quiet_from, quiet_to, slot, next_at, created_at, updated_at`

const decodeRows = Schema.decodeUnknown(Schema.Array(Row))
const encodeContent = Schema.encodeSync(StoredTemplate)

const scheduleOf = ({ content, cron, missed, quietFrom, quietTo, recipient, timeZone, ...row }: typeof Row.Type) => {
  const quietHours = quietFrom === null || quietTo === null ? null : { from: quietFrom, to: quietTo }
  const timing: Timing = { at: cron === null ? row.slot : null, cron, timeZone, missed, quietHours }
  return new Schedule({ ...row, to: recipient, content: content.content, timing }, { disableValidation: true })
}

/** Rows with {@link scheduleColumns}. */
export const decodeSchedules = (rows: ReadonlyArray<unknown>) => Effect.map(decodeRows(rows), (found) => found.map(scheduleOf))

/** The columns that its owner decides. */
export const columnsOf = ({ content, slot, timing, to }: NewSchedule) => ({
  recipient: to,
  content: encodeContent({ version: 1, content }),
  cron: timing.cron,
  timeZone: timing.timeZone.id,
  missed: timing.missed,
  quietFrom: timing.quietHours?.from ?? null,
  quietTo: timing.quietHours?.to ?? null,
  slot: slot.epochMillis,
  nextAt: sendTime(timing, slot).epochMillis
})
