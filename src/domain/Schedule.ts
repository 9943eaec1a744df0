import { HttpApiSchema } from "@effect/platform"
import { Cron, DateTime, Either, Option, Schema } from "effect"
import { TimeZone } from "./Calendar.ts"
import { Template } from "./ContentTemplate.ts"
import { DeviceId } from "./DeviceId.ts"
import { Jid } from "./Jid.ts"
import { MessageId } from "./Message.ts"
import { UserId } from "./User.ts"

export const ScheduleId = Schema.String.pipe(Schema.pattern(/^schedule-[0-9a-z]{1,40}$/), Schema.brand("ScheduleId"))
export type ScheduleId = typeof ScheduleId.Type

/** `missed`: the service did not run at its only time, and it was not to be sent late. */
export const ScheduleStatus = Schema.Literal("active", "completed", "missed", "cancelled")
export type ScheduleStatus = typeof ScheduleStatus.Type

/** What becomes of a slot at which the service did not run: of several the last is sent, late; or none. */
export const MissedSlot = Schema.Literal("send_once", "skip")
export type MissedSlot = typeof MissedSlot.Type

const timeOfDay = Schema.String.pipe(
  Schema.pattern(/^([01]\d|2[0-3]):[0-5]\d$/, { message: () => "a time of day is expected, such as 21:30" })
)
/** Local times of day between which nothing is sent; what falls there goes out at `to`. May go over midnight. */
export const QuietHours = Schema.Struct({ from: timeOfDay, to: timeOfDay }).pipe(
  Schema.filter(({ from, to }) => from === to ? { path: ["to"], message: "another time than from is expected" } : undefined)
)
export type QuietHours = typeof QuietHours.Type

/** When: once, or whenever a cron expression of five fields says, by the clocks of a zone. */
export const Timing = Schema.Struct({
  at: Schema.NullOr(Schema.DateTimeUtc),
  cron: Schema.NullOr(Schema.String),
  timeZone: TimeZone,
  missed: MissedSlot,
  quietHours: Schema.NullOr(QuietHours)
})
export type Timing = typeof Timing.Type

export class ScheduleInvalid extends Schema.TaggedError<ScheduleInvalid>()(
  "ScheduleInvalid",
  {
    field: Schema.Literal("scheduledAt", "cron"),
    reason: Schema.Literal("past", "no_such_time", "too_far", "not_cron", "never", "one_of_both")
  },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    return {
      past: "scheduledAt: this time has passed.",
      no_such_time: "scheduledAt: there is no such time; give it as 2026-12-31T09:00:00 in timeZone, or with an offset.",
      too_far: "scheduledAt: a time within two years is expected.",
      not_cron: "cron: five fields are expected, such as 0 9 * * 1.",
      never: "cron: there is no such time.",
      one_of_both: "scheduledAt or cron is expected, and not both."
    }[this.reason]
  }
}

export class ScheduleNotFound extends Schema.TaggedError<ScheduleNotFound>()(
  "ScheduleNotFound",
  { scheduleId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no schedule ${this.scheduleId}.`
  }
}

export class ScheduleNotChangeable extends Schema.TaggedError<ScheduleNotChangeable>()(
  "ScheduleNotChangeable",
  { scheduleId: Schema.String, status: ScheduleStatus },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `Schedule ${this.scheduleId} is ${this.status}.`
  }
}

/** A device keeps so many that are active at most. */
export class TooManySchedules extends Schema.TaggedError<TooManySchedules>()(
  "TooManySchedules",
  { limit: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `A device has at most ${this.limit} active schedules.`
  }
}

const furthest = { years: 2 } as const

/** A time as people write it: with an offset, or without one by the clocks of the zone. */
export const timeIn = (text: string, zone: TimeZone, now: DateTime.Utc): Either.Either<DateTime.Utc, ScheduleInvalid> => {
  const wrong = (reason: ScheduleInvalid["reason"]) => Either.left(new ScheduleInvalid({ field: "scheduledAt", reason }))
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text.trim())
  if (match === null) return wrong("no_such_time")
  const [, date, minutes, seconds = ":00", offset] = match
  const local = `${date}T${minutes}${seconds}`
  const asUtc = new Date(`${local}Z`)
  // 31 February would be a day of March
  if (Number.isNaN(asUtc.getTime()) || !asUtc.toISOString().startsWith(`${date}T${minutes}`)) return wrong("no_such_time")
  const made = offset === undefined ? localTime(local, zone) : DateTime.make(local + offsetOf(offset))
  if (Option.isNone(made)) return wrong("no_such_time")
  const at = DateTime.toUtc(made.value)
  if (DateTime.lessThanOrEqualTo(at, now)) return wrong("past")
  return DateTime.greaterThan(at, DateTime.add(now, furthest)) ? wrong("too_far") : Either.right(at)
}

const offsetOf = (offset: string) => offset === "Z" ? offset : `${offset.slice(0, 3)}:${offset.slice(-2)}`

/** A time that clocks skip is none; of one that they show twice it is the first. */
const localTime = (local: string, zone: TimeZone): Option.Option<DateTime.Utc> =>
  DateTime.makeZoned(`${local}Z`, { timeZone: zone, adjustForTimeZone: true, disambiguation: "earlier" }).pipe(
    Option.filter((zoned) => DateTime.formatIsoZoned(zoned).slice(0, 16) === local.slice(0, 16)),
    Option.map(DateTime.toUtc)
  )

/** Five fields: a message a minute is as often as it goes. */
export const parseCron = (text: string, zone: TimeZone, now: DateTime.Utc): Either.Either<Cron.Cron, ScheduleInvalid> => {
  const wrong = (reason: ScheduleInvalid["reason"]) => Either.left(new ScheduleInvalid({ field: "cron", reason }))
  const cron = text.trim().split(/\s+/).length === 5 ? Cron.parse(text.trim(), zone) : undefined
  if (cron === undefined || Either.isLeft(cron)) return wrong("not_cron")
  return Option.isNone(nextOf(cron.right, now)) ? wrong("never") : Either.right(cron.right)
}

const nextOf = (cron: Cron.Cron, after: DateTime.Utc): Option.Option<DateTime.Utc> =>
  Option.map(Option.liftThrowable(Cron.next)(cron, after), DateTime.unsafeFromDate)

/** The first slot after `after`; none if there is no more. */
export const slotAfter = (timing: Pick<Timing, "cron" | "timeZone">, after: DateTime.Utc): Option.Option<DateTime.Utc> =>
  timing.cron === null ? Option.none() : nextOf(Cron.unsafeParse(timing.cron, timing.timeZone), after)

/** The last slot until `until`, beginning with `slot`, which is one. */
export const lastSlot = (timing: Pick<Timing, "cron" | "timeZone">, slot: DateTime.Utc, until: DateTime.Utc): DateTime.Utc => {
  if (timing.cron === null) return slot
  const cron = Cron.unsafeParse(timing.cron, timing.timeZone)
  const before = Option.map(
    Option.liftThrowable(Cron.prev)(cron, DateTime.add(until, { seconds: 1 })),
    DateTime.unsafeFromDate
  )
  return Option.match(before, { onNone: () => slot, onSome: (last) => DateTime.max(slot, last) })
}

/** When a slot's message goes out: at once, or when the quiet hours are over. */
export const sendTime = ({ quietHours, timeZone }: Pick<Timing, "quietHours" | "timeZone">, slot: DateTime.Utc): DateTime.Utc => {
  if (quietHours === null) return slot
  const { from, to } = quietHours
  const local = DateTime.unsafeMakeZoned(slot, { timeZone })
  const time = DateTime.formatIsoZoned(local).slice(11, 16)
  const isQuiet = from < to ? time >= from && time < to : time >= from || time < to
  if (!isQuiet) return slot
  const [hours, minutes] = to.split(":").map(Number)
  const end = DateTime.setParts(local, { hours: hours!, minutes: minutes!, seconds: 0, millis: 0 })
  return DateTime.toUtc(time < to ? end : DateTime.add(end, { days: 1 }))
}

/** A message that waits for its time, or for each of many. */
export class Schedule extends Schema.Class<Schedule>("Schedule")({
  id: Schema.Int,
  scheduleId: ScheduleId,
  deviceId: DeviceId,
  userId: UserId,
  status: ScheduleStatus,
  to: Jid,
  content: Template,
  timing: Timing,
  /** the next slot, and when it is sent: later, if it falls into quiet hours */
  slot: Schema.NullOr(Schema.DateTimeUtc),
  nextAt: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** What became of a slot; without a message it was missed. */
export const ScheduleSlot = Schema.Struct({
  slot: Schema.DateTimeUtc,
  messageId: Schema.NullOr(MessageId),
  at: Schema.DateTimeUtc
})
export type ScheduleSlot = typeof ScheduleSlot.Type
