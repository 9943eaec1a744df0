import { SqlClient } from "@effect/sql"
import { Effect, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { changeTypes, type MessageId, MessageNotFound } from "../../domain/Message.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeChatKey } from "./ChatKey.ts"
import { makeMessagePosition } from "./MessagePosition.ts"
import { makeDialect } from "../database/Dialect.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "./MessageRow.ts"
import type { HistoryQuery } from "./Messages.ts"

const mostAtOnce = 200
const Payloads = Schema.Array(Schema.Struct({ payload: Schema.Uint8ArrayFromSelf }))

export const makeMessageHistory = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const keyOf = yield* makeChatKey
  const select = sql.literal(`SELECT ${messageColumns} FROM ${messagesWithContacts}`)
  const { beside, secondOf } = yield* makeMessagePosition

  return {
    history: Effect.fn("Messages.history")(function*(deviceId: DeviceId, query: HistoryQuery) {
      const chatKey = yield* keyOf(deviceId, query.chat)
      if (chatKey === undefined) return []
      const where = sql.and([
        sql`k.device_id = ${deviceId}`,
        sql`k.chat_key = ${chatKey}`,
        // what changes a message is seen in that message
        sql`k.message_type NOT IN ${sql.in(changeTypes)}`,
        ...(query.before === undefined ? [] : [yield* beside(deviceId, "<", query.before)]),
        ...(query.after === undefined ? [] : [yield* beside(deviceId, ">", query.after)]),
        ...(query.from === undefined ? [] : [sql`k.at_second >= ${secondOf(query.from)}`]),
        ...(query.to === undefined ? [] : [sql`k.at_second < ${secondOf(query.to)}`]),
        ...(query.direction === undefined ? [] : [sql`k.direction = ${query.direction}`]),
        ...(query.status === undefined ? [] : [sql`k.status = ${query.status}`]),
        ...(query.type === undefined ? [] : [sql`k.message_type = ${query.type}`])
      ])
      const order = sql.literal(query.after === undefined ? "DESC" : "ASC")
      const limit = dialect.limit(Math.min(query.limit, mostAtOnce))
      // what the index alone can tell is decided there, before any row is read
      return yield* decodeMessages(
        yield* sql`${select} JOIN (
            SELECT k.id FROM messages k ${dialect.through("messages_chat_time")}
            WHERE ${where} ORDER BY k.at_second ${order}, k.id ${order} ${limit}
          ) page ON page.id = m.id ORDER BY m.at_second ${order}, m.id ${order}`
      )
    }, atBoundary),

    // ids are unique within chat and sender only: ours first, then the newest
    get: Effect.fn("Messages.get")(function*(deviceId: DeviceId, messageId: MessageId) {
      const rows = yield* sql`${select} WHERE m.device_id = ${deviceId} AND m.message_id = ${messageId}
        ORDER BY CASE m.direction WHEN 'outgoing' THEN 0 ELSE 1 END, m.id DESC LIMIT 1`
      const [message] = yield* decodeMessages(rows)
      return message ?? (yield* new MessageNotFound({ messageId }))
    }, atBoundary),

    payload: Effect.fn("Messages.payload")(function*(deviceId: DeviceId, messageId: MessageId) {
      const rows = yield* sql`SELECT payload FROM messages WHERE device_id = ${deviceId} AND message_id = ${messageId}
        AND direction = 'outgoing' AND payload IS NOT NULL ORDER BY id DESC LIMIT 1`
      const [row] = yield* Schema.decodeUnknown(Payloads)(rows)
      return Option.fromNullable(row?.payload)
    }, atBoundary)
  }
})
