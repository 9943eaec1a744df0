import { SqlClient } from "@effect/sql"
import type { Fragment } from "@effect/sql/Statement"
import { Context, Effect, Layer, Schema } from "effect"
import { type Day, startOf, type TimeZone } from "../../domain/Calendar.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { changeTypes, type Message } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "./MessageRow.ts"

export interface ChatOfDay {
  /** the newest message of the day */
  readonly lastMessage: Message
  readonly name: string | null
  readonly incomingMessages: number
  readonly outgoingMessages: number
  /** as of now: what came since the last message of ours; at most {@link mostUnread} */
  readonly unreadCount: number
}

export const mostUnread = 100
/** Messages of a chat in which an answer of ours is looked for first. */
const firstLook = 8

/**
 * A second of the day and a row id in one number, so that one pass over the day finds the newest message of each chat. With 17
 * billion rows and 25 hours it stays exact in JavaScript.
 */
const idsBelow = 2 ** 34
const longestDay = 25 * 3600

interface DayQuery {
  readonly day: Day
  readonly timeZone: TimeZone
  readonly limit: number
  /** row id of the last message of the last chat of the page before */
  readonly after?: number | undefined
}

/** The chats of a day, those with the newest message first. */
export class DailyChats extends Context.Tag("whatsapp-service/DailyChats")<DailyChats, {
  readonly list: (deviceId: DeviceId, query: DayQuery) => Effect.Effect<ReadonlyArray<ChatOfDay>, StorageUnavailable>
  readonly totals: (deviceId: DeviceId, query: Omit<DayQuery, "limit">) => Effect.Effect<typeof Totals.Type, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(DailyChats, Effect.suspend(() => make))
}

const Totals = Schema.Struct({ totalChats: Schema.Int, incomingMessages: Schema.Int, outgoingMessages: Schema.Int })
const decodeTotals = Schema.decodeUnknown(Schema.Tuple(Totals))
const Chats = Schema.Array(Schema.Struct({
  incomingMessages: Schema.Int,
  outgoingMessages: Schema.Int,
  last: Schema.Int
}))
const decodeSeconds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ atSecond: Schema.Int })))
const decodeNames = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, name: Schema.NullOr(Schema.String) })))
const decodeUnread = Schema.decodeUnknown(Schema.Array(Schema.Struct({ lastId: Schema.Int, unread: Schema.NullOr(Schema.Int) })))

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const sums = sql.literal(
    `${whole("direction = 'incoming'")} AS incoming_messages, ${whole("direction = 'outgoing'")} AS outgoing_messages`
  )
  // what changes a message is seen in that message
  const shown = sql`message_type NOT IN ${sql.in(changeTypes)}`
  const ofDay = (deviceId: DeviceId, { day, timeZone }: Pick<DayQuery, "day" | "timeZone">) =>
    sql`device_id = ${deviceId} AND at_second >= ${startOf(timeZone, day) / 1000} AND at_second < ${startOf(timeZone, day + 1) / 1000} AND ${shown}`

  /** Null, unless `depth` is all that is looked at: nothing of ours is among the newest `depth` messages of the chat, and there are more. */
  const unreadWithin = Effect.fnUntraced(function*(lastIds: ReadonlyArray<number>, depth: number) {
    const latest = (wanted: string, condition: Fragment, skipped = 0) =>
      sql`(SELECT x.${sql.literal(wanted)} FROM messages x ${dialect.through("messages_chat_time")}
        WHERE x.device_id = chats.device_id AND x.chat_key = chats.chat_key AND ${shown} AND ${condition}
        ORDER BY x.at_second DESC, x.id DESC ${dialect.limit(1)} OFFSET ${sql.literal(`${skipped}`)})`
    // keeps a look from being taken again for each row that is compared with it
    const once = dialect.limit(lastIds.length)
    const ours = sql`x.direction = 'outgoing' AND x.at_second >= chats.since`
    const bounded = sql`SELECT chats.*, COALESCE(${latest("at_second", sql`1 = 1`, depth)}, 0) AS since
      FROM (SELECT m.id AS last_id, m.device_id, m.chat_key FROM messages m WHERE ${sql.in("m.id", lastIds)}) chats ${once}`
    const answered = sql`SELECT chats.*, COALESCE(${latest("at_second", ours)}, since) AS ours_second,
      COALESCE(${latest("id", ours)}, 0) AS ours_id FROM (${bounded}) chats ${once}`
    const isSettled = depth < mostUnread ? sql`(ours_id > 0 OR since = 0)` : sql`1 = 1`
    const rows = yield* sql`SELECT last_id, CASE WHEN ${isSettled} THEN (
        SELECT COUNT(*) FROM messages x ${dialect.through("messages_chat_time")}
        WHERE x.device_id = chats.device_id AND x.chat_key = chats.chat_key AND x.at_second >= chats.ours_second
          AND (x.at_second > chats.ours_second OR x.id > chats.ours_id) AND x.direction = 'incoming' AND x.status <> 'read'
      ) END AS unread FROM (${answered}) chats`
    return yield* decodeUnread(rows)
  })

  /** By the id of a message of the chat. Most chats have an answer of ours among their newest messages. */
  const unread = Effect.fnUntraced(function*(lastIds: ReadonlyArray<number>) {
    const near = yield* unreadWithin(lastIds, firstLook)
    const beyond = near.flatMap(({ lastId, unread }) => (unread === null ? [lastId] : []))
    const far = beyond.length === 0 ? [] : yield* unreadWithin(beyond, mostUnread)
    return new Map([...near, ...far].map(({ lastId, unread }) => [lastId, Math.min(unread ?? 0, mostUnread)]))
  })

  /** Where a message stands among those of a day: older ones, and one that is not there, below all of it, newer ones above. */
  const placeOf = Effect.fnUntraced(function*(deviceId: DeviceId, id: number, begin: number) {
    const rows = yield* sql`SELECT at_second FROM messages WHERE id = ${id} AND device_id = ${deviceId}`
    const second = (yield* decodeSeconds(rows))[0]?.atSecond ?? 0
    return Math.min(Math.max(second - begin, -1), longestDay) * idsBelow + id
  })

  const list = Effect.fn("DailyChats.list")(function*(deviceId: DeviceId, query: DayQuery) {
    const begin = startOf(query.timeZone, query.day) / 1000
    const after = query.after === undefined ? undefined : yield* placeOf(deviceId, query.after, begin)
    const newest = sql.literal(`MAX((at_second - ${begin}) * ${idsBelow} + id)`)
    const rows = yield* sql`SELECT ${sums}, ${newest} AS last FROM messages ${dialect.through("messages_day")}
      WHERE ${ofDay(deviceId, query)} GROUP BY chat_key ${after === undefined ? sql`` : sql`HAVING last < ${after}`}
      ORDER BY last DESC ${dialect.limit(query.limit)}`
    const page = (yield* Schema.decodeUnknown(Chats)(rows)).map(({ last, ...chat }) => ({ ...chat, lastId: last % idsBelow }))
    if (page.length === 0) return []
    const ids = sql.in("m.id", page.map(({ lastId }) => lastId))
    const source = sql.literal(`FROM ${messagesWithContacts}`)
    const messages = sql`SELECT ${sql.literal(messageColumns)} ${source} WHERE ${ids}`.pipe(
      Effect.flatMap(decodeMessages),
      Effect.map((found) => new Map(found.map((message) => [message.id, message])))
    )
    const names = sql`SELECT m.id, CASE WHEN m.group_jid IS NULL THEN COALESCE(c.name, c.push_name) ELSE (
        SELECT g.name FROM ${sql("groups")} g WHERE g.device_id = m.device_id AND g.group_id = m.group_jid
      ) END AS name ${source} WHERE ${ids}`.pipe(
        Effect.flatMap(decodeNames),
        Effect.map((found) => new Map(found.map(({ id, name }) => [id, name])))
      )
    const [byId, nameOf, counts] = yield* Effect.all([messages, names, unread(page.map(({ lastId }) => lastId))], { concurrency: 3 })
    return page.map(({ incomingMessages, lastId, outgoingMessages }) => ({
      lastMessage: byId.get(lastId)!,
      name: nameOf.get(lastId) ?? null,
      incomingMessages,
      outgoingMessages,
      unreadCount: counts.get(lastId) ?? 0
    }))
  }, atBoundary)

  const totals = Effect.fn("DailyChats.totals")(function*(deviceId: DeviceId, query: Omit<DayQuery, "limit">) {
    const rows = yield* sql`SELECT COUNT(DISTINCT chat_key) AS total_chats, ${sums}
      FROM messages ${dialect.through("messages_day")} WHERE ${ofDay(deviceId, query)}`
    return (yield* decodeTotals(rows))[0]
  }, atBoundary)

  return DailyChats.of({ list, totals })
})

const whole = (condition: string) => `CAST(COALESCE(SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0) AS SIGNED)`
