import { DateTime, Option, ParseResult, Schema } from "effect"

const quarter = 900_000
const quartersOfDay = 96
const dayMillis = quarter * quartersOfDay

/** A name of the IANA time zone database, such as `Asia/Jakarta`; regardless of case. */
export const TimeZone = Schema.transformOrFail(
  Schema.String.pipe(Schema.maxLength(64)),
  Schema.declare((zone): zone is DateTime.TimeZone.Named => DateTime.isTimeZoneNamed(zone)),
  {
    strict: true,
    decode: (name, _, ast) =>
      // offsets such as +07:13 would be names too
      Option.match(/^[A-Za-z]/.test(name) ? DateTime.zoneMakeNamed(name) : Option.none(), {
        onNone: () => ParseResult.fail(new ParseResult.Type(ast, name, "an IANA time zone is expected, such as Asia/Jakarta")),
        onSome: ParseResult.succeed
      }),
    encode: (zone) => ParseResult.succeed(zone.id)
  }
)
export type TimeZone = DateTime.TimeZone.Named

/** A day of the calendar, as the count of days since 1970-01-01. */
export const Day = Schema.transformOrFail(Schema.String, Schema.Int.pipe(Schema.brand("Day")), {
  strict: true,
  decode: (text, _, ast) => {
    const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
    const day = at / dayMillis
    return at >= earliest && at < latest && dateOf(day) === text
      ? ParseResult.succeed(day)
      : ParseResult.fail(new ParseResult.Type(ast, text, "a date is expected, such as 2026-01-31"))
  },
  encode: (day) => ParseResult.succeed(dateOf(day))
})
export type Day = typeof Day.Type
// since 1972 all zones keep to quarters of an hour
const earliest = Date.UTC(2000, 0, 1)
const latest = Date.UTC(2100, 0, 1)

export const dateOf = (day: number): string => new Date(day * dayMillis).toISOString().slice(0, 10)

const offsetAt = (zone: TimeZone, at: number): number =>
  Math.round(DateTime.zonedOffset(DateTime.unsafeMakeZoned(at, { timeZone: zone })) / quarter)
/** The day of an instant (milliseconds) where this zone's clocks hang. */
export const dayOf = (zone: TimeZone, at: number): Day =>
  Math.floor((Math.floor(at / quarter) + offsetAt(zone, at)) / quartersOfDay) as Day

/** The first of the quarters `from` … `to` for which `holds`; it holds for all that follow. */
const first = (from: number, to: number, holds: (quarters: number) => boolean): number => {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** When a day begins, in milliseconds since 1970 UTC. Where clocks skip midnight it begins later. */
export const startOf = (zone: TimeZone, day: number): number =>
  // no place is further from Greenwich than 14 hours
  first((day - 1) * quartersOfDay, (day + 1) * quartersOfDay, (quarters) => dayOf(zone, quarters * quarter) >= day) * quarter

/** From which quarter since 1970 UTC on a zone's clocks are how many quarters ahead of UTC, for the days `from` … `to`. */
export const offsets = (zone: TimeZone, from: number, to: number): ReadonlyArray<{ readonly since: number; readonly offset: number }> => {
  const begin = (from - 1) * quartersOfDay
  const found = [{ since: begin, offset: offsetAt(zone, begin * quarter) }]
  for (let next = begin + quartersOfDay; next <= (to + 2) * quartersOfDay; next += quartersOfDay) {
    const before = found.at(-1)!.offset
    const offset = offsetAt(zone, next * quarter)
    if (offset === before) continue
    found.push({ since: first(next - quartersOfDay, next, (quarters) => offsetAt(zone, quarters * quarter) !== before), offset })
  }
  return found
}
