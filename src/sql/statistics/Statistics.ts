import { SqlClient } from "@effect/sql"
import { Context, Effect, Layer, Schema } from "effect"
import { type Day, offsets, startOf, type TimeZone } from "../../domain/Calendar.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Figures } from "../../domain/Figures.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary } from "../database/Boundary.ts"
import { always, quarter } from "./Tally.ts"

export interface Period {
  /** the first day and the last */
  readonly from: Day
  readonly to: Day
  readonly timeZone: TimeZone
}

export type Totals = Pick<Figures, "incomingMessages" | "outgoingMessages" | "failedMessages">

/** What the write path has counted: nothing here reads messages. */
export class Statistics extends Context.Tag("whatsapp-service/Statistics")<Statistics, {
  /** The period as a whole: a chat that was active on several days is one. */
  readonly period: (deviceId: DeviceId, period: Period) => Effect.Effect<Figures, StorageUnavailable>
  /** Day by day; days without a message are left out. */
  readonly daily: (deviceId: DeviceId, period: Period) => Effect.Effect<ReadonlyArray<Figures & { readonly day: Day }>, StorageUnavailable>
  /** All messages of the devices that are there: of one user, or of everybody. */
  readonly total: (filter?: { readonly userId?: UserId | undefined }) => Effect.Effect<Totals, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(Statistics, Effect.suspend(() => make))
}

const quartersOfDay = 96

const totals = { incomingMessages: Schema.Int, outgoingMessages: Schema.Int, failedMessages: Schema.Int }
const sums = { ...totals, activeChats: Schema.Int, askingChats: Schema.Int, answeredChats: Schema.Int }
const decodePeriod = Schema.decodeUnknown(Schema.Tuple(Schema.Struct(sums)))
const decodeDaily = Schema.decodeUnknown(Schema.Array(Schema.Struct({ ...sums, day: Schema.Int })))
const decodeTotals = Schema.decodeUnknown(Schema.Tuple(Schema.Struct(totals)))

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient

  /** The rows of a period and of the day after it, each with the quarter in which its day begins, all days being 96 quarters long. */
  const rows = (deviceId: DeviceId, { from, timeZone, to }: Period) => {
    const steps = offsets(timeZone, from, to)
    const [last, ...earlier] = steps.toReversed()
    // numbers of our own making
    const shifted = `(bucket + ${
      earlier.length === 0
        ? last!.offset
        : `CASE ${steps.slice(1).map(({ since }, index) => `WHEN bucket < ${since} THEN ${steps[index]!.offset}`).join(" ")} ELSE ${last!.offset} END`
    })`
    const [begin, end] = [(from - 1) * quartersOfDay, (to + 3) * quartersOfDay]
    return sql`(SELECT * FROM (
        SELECT ${sql.literal(`${shifted} - ${shifted} % ${quartersOfDay}`)} AS day, chat_key, incoming, outgoing, failed,
          first_incoming, last_outgoing
        FROM statistics WHERE device_id = ${deviceId} AND bucket >= ${begin} AND bucket < ${end}
      ) placed WHERE day >= ${from * quartersOfDay} AND day <= ${(to + 1) * quartersOfDay}) period_rows`
  }

  const figures = sql.literal(`${whole("incoming")} AS incoming_messages, ${whole("outgoing")} AS outgoing_messages,
    ${whole("failed")} AS failed_messages, ${whole(when("incoming + outgoing > 0", "1"))} AS active_chats,
    ${whole(when("asked IS NOT NULL", "1"))} AS asking_chats, ${whole(when("asked IS NOT NULL AND answered >= asked", "1"))} AS answered_chats`)
  const asked = `${when("SUM(incoming) > 0 AND chat_key LIKE 'c%'", "MIN(first_incoming)")}`
  const answered = `${when("SUM(outgoing) > 0", "MAX(last_outgoing)")}`

  const period = Effect.fn("Statistics.period")(function*(deviceId: DeviceId, asking: Period) {
    const { from, timeZone, to } = asking
    const [begin, end, nextEnd] = [from, to + 1, to + 2].map((day) => startOf(timeZone, day) / quarter)
    const within = (column: string) => when(`bucket < ${end}`, column)
    const perChat = sql.literal(`SELECT SUM(COALESCE(${within("incoming")}, 0)) AS incoming,
      SUM(COALESCE(${within("outgoing")}, 0)) AS outgoing, SUM(COALESCE(${within("failed")}, 0)) AS failed,
      ${when(`SUM(${within("incoming")}) > 0 AND chat_key LIKE 'c%'`, `MIN(${within("first_incoming")})`)} AS asked,
      ${answered} AS answered`)
    const found = yield* sql`SELECT ${figures} FROM (${perChat} FROM statistics
      WHERE device_id = ${deviceId} AND bucket >= ${begin} AND bucket < ${nextEnd} GROUP BY chat_key) chats`
    const [sum] = yield* decodePeriod(found)
    return withRate(sum)
  }, atBoundary)

  const daily = Effect.fn("Statistics.daily")(function*(deviceId: DeviceId, asking: Period) {
    const perDay = sql.literal(`SELECT day, chat_key, SUM(incoming) AS incoming, SUM(outgoing) AS outgoing, SUM(failed) AS failed,
      ${asked} AS asked, ${answered} AS last_answer`)
    const next = "OVER (PARTITION BY chat_key ORDER BY day)"
    const followed = sql.literal(`SELECT day, incoming, outgoing, failed, asked,
      COALESCE(${when(`LEAD(day) ${next} = day + ${quartersOfDay}`, `LEAD(last_answer) ${next}`)}, last_answer) AS answered`)
    const found = yield* sql`SELECT day, ${figures} FROM (
        ${followed} FROM (${perDay} FROM ${rows(deviceId, asking)} GROUP BY day, chat_key) days
      ) chats WHERE day <= ${asking.to * quartersOfDay} GROUP BY day ORDER BY day`
    return (yield* decodeDaily(found)).map(({ day, ...sum }) => ({ day: (day / quartersOfDay) as Day, ...withRate(sum) }))
  }, atBoundary)

  const total = Effect.fn("Statistics.total")(function*(filter: { readonly userId?: UserId | undefined } = {}) {
    const where = sql.and([
      sql`w.wanted <> 'deleted'`,
      ...(filter.userId === undefined ? [] : [sql`w.user_id = ${filter.userId}`])
    ])
    const found = yield* sql`SELECT ${sql.literal(
      `${whole("s.incoming")} AS incoming_messages, ${whole("s.outgoing")} AS outgoing_messages, ${whole("s.failed")} AS failed_messages`
    )} FROM whatsapp_sessions w CROSS JOIN statistics s
      WHERE s.device_id = w.device_id AND s.bucket = ${always} AND s.chat_key = '' AND ${where}`
    return (yield* decodeTotals(found))[0]
  }, atBoundary)

  return Statistics.of({ period, daily, total })
})

const withRate = (sum: Omit<Figures, "responseRate">): Figures => ({
  ...sum,
  responseRate: sum.askingChats === 0 ? null : Math.round(sum.answeredChats / sum.askingChats * 10_000) / 10_000
})

const whole = (column: string) => `CAST(COALESCE(SUM(${column}), 0) AS SIGNED)`
const when = (condition: string, yes: string) => `CASE WHEN ${condition} THEN ${yes} END`
