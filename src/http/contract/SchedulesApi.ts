import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { TimeZone } from "../../domain/Calendar.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { MessageText } from "../../domain/Message.ts"
import { MissedSlot, QuietHours, ScheduleId, ScheduleSlot, ScheduleStatus } from "../../domain/Schedule.ts"
import * as Envelope from "../Envelope.ts"
import { PersonAddress } from "./Addresses.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceNotFound, idempotencyConflict, scheduleInvalid, scheduleNotChangeable, scheduleNotFound, tooManySchedules } from "./Failures.ts"
import { limitOf, pageOf, RowId } from "./Paging.ts"
import { SendHeaders } from "./SendAnswer.ts"

const SchedulePath = Schema.Struct({ deviceId: DeviceId, scheduleId: ScheduleId })
const when = Schema.String.pipe(Schema.maxLength(100))

export const ScheduleBody = withAliases(
  closed({
    phone: PersonAddress,
    message: MessageText,
    scheduledAt: Schema.optional(when),
    cron: Schema.optional(when),
    timeZone: Schema.optional(TimeZone),
    missed: Schema.optionalWith(MissedSlot, { default: () => "send_once" as const }),
    quietHours: Schema.optional(QuietHours)
  }),
  { to: "phone", text: "message", sendAt: "scheduledAt", scheduleTime: "scheduledAt", scheduledTime: "scheduledAt", timezone: "timeZone" },
  { phone: "6281234567890", message: "Selamat pagi!", scheduledAt: "2027-01-04T09:00:00", timeZone: "Asia/Jakarta" }
)

export const ScheduleView = Schema.Struct({
  scheduleId: ScheduleId,
  deviceId: DeviceId,
  status: ScheduleStatus,
  to: Jid,
  message: Schema.String,
  /** its only time; null if it comes again and again */
  scheduledAt: Schema.NullOr(Schema.DateTimeUtc),
  cron: Schema.NullOr(Schema.String),
  timeZone: TimeZone,
  missed: MissedSlot,
  quietHours: Schema.NullOr(QuietHours),
  /** when the next message goes out */
  nextAt: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc
}).annotations({ identifier: "Schedule" })

const WithSlots = Schema.Struct({ ...ScheduleView.fields, slots: Schema.Array(ScheduleSlot) })
  .annotations({ identifier: "ScheduleWithSlots" })

export const SchedulesApi = HttpApiGroup.make("schedules")
  .add(
    HttpApiEndpoint.post("schedule", "/devices/:deviceId/schedule-message")
      .setPath(DevicePath).setHeaders(SendHeaders).setPayload(ScheduleBody)
      .addSuccess(Envelope.success(ScheduleView, { status: 201 }))
      .addError(scheduleInvalid).addError(idempotencyConflict).addError(deviceNotFound).addError(tooManySchedules)
      .annotateContext(OpenApi.annotations({
        summary: "Send a text later, once or again and again",
        description: "`scheduledAt` is a time with an offset, or without one by the clocks of `timeZone` (UTC); or `cron` has five fields " +
          "(minute, hour, day, month, weekday) by the same clocks. Each time it is one message, whatever happens to the service. If it " +
          "did not run at that time, `missed` says whether the last of the missed messages is sent late (`send_once`) or none (`skip`). " +
          "What falls into `quietHours` waits for their end. The message then is one like any other, and waits for its device."
      }))
  )
  .add(
    HttpApiEndpoint.get("list", "/devices/:deviceId/schedules")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({
        status: Schema.optional(ScheduleStatus),
        before: Schema.optional(RowId),
        limit: limitOf(200, 50)
      }))
      .addSuccess(Envelope.success(pageOf(ScheduleView)))
      .annotateContext(OpenApi.annotations({ summary: "List scheduled messages", description: "Newest first." }))
  )
  .add(
    HttpApiEndpoint.get("get", "/devices/:deviceId/schedules/:scheduleId")
      .setPath(SchedulePath)
      .addSuccess(Envelope.success(WithSlots)).addError(scheduleNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "A scheduled message and what became of it",
        description: "`slots` are its last 50 times, newest first; one without a message was missed."
      }))
  )
  .add(
    HttpApiEndpoint.put("change", "/devices/:deviceId/schedules/:scheduleId")
      .setPath(SchedulePath).setPayload(ScheduleBody)
      .addSuccess(Envelope.success(ScheduleView))
      .addError(scheduleInvalid).addError(scheduleNotFound).addError(scheduleNotChangeable)
      .annotateContext(OpenApi.annotations({ summary: "Change a scheduled message", description: "As long as it is `active`; the whole of it is given." }))
  )
  .add(
    HttpApiEndpoint.del("cancel", "/devices/:deviceId/schedules/:scheduleId")
      .setPath(SchedulePath)
      .addSuccess(Envelope.success(ScheduleView)).addError(scheduleNotFound).addError(scheduleNotChangeable)
      .annotateContext(OpenApi.annotations({ summary: "Cancel a scheduled message", description: "As long as it is `active`." }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Scheduled messages", description: "Texts that go out later, once or again and again." }))
