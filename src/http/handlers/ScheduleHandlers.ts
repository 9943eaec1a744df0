import { HttpApiBuilder } from "@effect/platform"
import { DateTime, Effect, Option } from "effect"
import { createHash } from "node:crypto"
import type { Actor } from "../../domain/Audit.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { parseCron, type Schedule, type ScheduleId, ScheduleInvalid, slotAfter, timeIn, type Timing } from "../../domain/Schedule.ts"
import type { NewAuditEntry } from "../../sql/admin/AuditLog.ts"
import { type NewSchedule, Schedules } from "../../sql/schedules/Schedules.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"
import type { ScheduleBody } from "../contract/SchedulesApi.ts"
import { makeNoting } from "./Noting.ts"
import { markReplayed } from "./SendRequests.ts"

const slotsShown = 50

const entry = (
  actor: Actor, action: "schedule.create" | "schedule.change" | "schedule.cancel", scheduleId: ScheduleId, deviceId: DeviceId
): NewAuditEntry => ({ actor, action, target: { type: "schedule", id: scheduleId }, details: { deviceId } })

export const layer = HttpApiBuilder.group(Api, "schedules", (handlers) =>
  Effect.gen(function*() {
    const schedules = yield* Schedules
    const { after, note } = yield* makeNoting

    const noted = <E, R>(action: "schedule.change" | "schedule.cancel", scheduleId: ScheduleId, change: Effect.Effect<Schedule, E, R>) =>
      Effect.flatMap(CallerDevice, ({ caller, device }) => after(change, () => entry(caller, action, scheduleId, device.deviceId)))

    return handlers
      .handle("schedule", ({ headers, payload }) =>
        Effect.gen(function*() {
          const { caller, device } = yield* CallerDevice
          const idempotencyKey = headers["idempotency-key"]
          const requestHash = idempotencyKey === undefined ? undefined : hashOf(payload)
          const call = { idempotencyKey, requestHash }
          const { replayed, schedule } = yield* newSchedule(payload).pipe(
            Effect.flatMap((schedule) => schedules.create(device.deviceId, schedule, call)),
            Effect.tap(({ replayed, schedule }) => replayed ? Effect.void : note(entry(caller, "schedule.create", schedule.scheduleId, device.deviceId))),
            // what was a time to come at the first call is none any more
            Effect.catchTag("ScheduleInvalid", (invalid) =>
              Effect.flatMap(schedules.earlier(device.deviceId, call), Option.match({
                onNone: () => invalid,
                onSome: (schedule) => Effect.succeed({ schedule, replayed: true })
              })))
          )
          if (replayed) yield* markReplayed
          return scheduleView(schedule)
        }))
      .handle("list", ({ urlParams: { limit, ...query } }) =>
        Effect.gen(function*() {
          const { device } = yield* CallerDevice
          const { items, ...rest } = page(yield* schedules.list(device.deviceId, { ...query, limit: limit + 1 }), limit, ({ id }) => id)
          return { ...rest, items: items.map(scheduleView) }
        }))
      .handle("get", ({ path: { deviceId, scheduleId } }) =>
        Effect.gen(function*() {
          const schedule = yield* schedules.get(deviceId, scheduleId)
          return { ...scheduleView(schedule), slots: yield* schedules.slots(schedule, slotsShown) }
        }))
      .handle("change", ({ path: { deviceId, scheduleId }, payload }) =>
        Effect.gen(function*() {
          const schedule = yield* newSchedule(payload)
          return scheduleView(yield* noted("schedule.change", scheduleId, schedules.change(deviceId, scheduleId, schedule)))
        }))
      .handle("cancel", ({ path: { deviceId, scheduleId } }) =>
        Effect.map(noted("schedule.cancel", scheduleId, schedules.cancel(deviceId, scheduleId)), scheduleView))
  }))

const utc = DateTime.zoneUnsafeMakeNamed("UTC")

const newSchedule = Effect.fnUntraced(function*(body: typeof ScheduleBody.Type) {
  const { cron, message, missed, phone, quietHours = null, scheduledAt, timeZone = utc } = body
  const now = yield* DateTime.now
  const timing = { timeZone, missed, quietHours }
  const made = (slot: DateTime.Utc, when: Pick<Timing, "at" | "cron">): NewSchedule => ({
    to: phone,
    content: { _tag: "Text", text: message, mentions: [], preview: null },
    timing: { ...timing, ...when },
    slot
  })
  if (scheduledAt !== undefined && cron === undefined) {
    const at = yield* timeIn(scheduledAt, timeZone, now)
    return made(at, { at, cron: null })
  }
  if (cron === undefined || scheduledAt !== undefined) return yield* new ScheduleInvalid({ field: "scheduledAt", reason: "one_of_both" })
  yield* parseCron(cron, timeZone, now)
  const when = { at: null, cron: cron.trim() }
  const slot = slotAfter({ ...timing, ...when }, now)
  return Option.isNone(slot) ? yield* new ScheduleInvalid({ field: "cron", reason: "never" }) : made(slot.value, when)
})

const hashOf = (body: typeof ScheduleBody.Type) =>
  createHash("sha256").update(JSON.stringify({ ...body, timeZone: body.timeZone?.id })).digest("hex")

const scheduleView = ({ content, createdAt, deviceId, nextAt, scheduleId, status, timing, to }: Schedule) => ({
  scheduleId, deviceId, status, to,
  message: content._tag === "Text" ? content.text : "",
  scheduledAt: timing.at,
  cron: timing.cron,
  timeZone: timing.timeZone,
  missed: timing.missed,
  quietHours: timing.quietHours,
  nextAt,
  createdAt
})
