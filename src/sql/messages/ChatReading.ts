import { SqlClient } from "@effect/sql"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { type ChatRef, MessageId } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeChatKey } from "./ChatKey.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { chatColumns, chatFields, chatOf, messagesWithContacts } from "./MessageRow.ts"

export interface Unread {
  readonly id: number
  readonly messageId: MessageId
  readonly participant: Jid | null
  readonly chat: ChatRef
}

const mostAtOnce = 1000
const Rows = Schema.Array(
  Schema.Struct({ ...chatFields, id: Schema.Int, messageId: MessageId, participant: Schema.NullOr(Jid) })
)

/** Which incoming messages have been read here. */
export class ChatReading extends Context.Tag("whatsapp-service/ChatReading")<ChatReading, {
  /** The newest 1000 of a chat that have not. */
  readonly unread: (deviceId: DeviceId, chat: Jid) => Effect.Effect<ReadonlyArray<Unread>, StorageUnavailable>
  /** Marks messages of one chat, and tells it in a `chat.read` event. */
  readonly read: (deviceId: DeviceId, messages: ReadonlyArray<Unread>) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(ChatReading, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const keyOf = yield* makeChatKey

  return ChatReading.of({
    unread: Effect.fn("ChatReading.unread")(function*(deviceId: DeviceId, chat: Jid) {
      const chatKey = yield* keyOf(deviceId, chat)
      if (chatKey === undefined) return []
      const rows = yield* sql`SELECT m.id, m.message_id, m.participant, ${sql.literal(chatColumns)}
        FROM ${sql.literal(messagesWithContacts)}
        WHERE m.device_id = ${deviceId} AND m.chat_key = ${chatKey} AND m.direction = 'incoming' AND m.status = 'delivered'
          AND m.message_type <> 'undecryptable'
        ORDER BY m.id DESC ${dialect.limit(mostAtOnce)}`
      return (yield* Schema.decodeUnknown(Rows)(rows)).map(({ id, messageId, participant, ...row }) => ({
        id,
        messageId,
        participant,
        chat: chatOf(row)
      }))
    }, atBoundary),

    read: Effect.fn("ChatReading.read")(function*(deviceId: DeviceId, messages: ReadonlyArray<Unread>) {
      const [first] = messages
      if (first === undefined) return
      yield* Effect.gen(function*() {
        if (Option.isNone(yield* lock.byId(deviceId))) return
        const timestamp = yield* DateTime.now
        const at = timestamp.epochMillis
        yield* sql`UPDATE messages SET status = 'read', read_at = ${at}, updated_at = ${at}
          WHERE status = 'delivered' AND ${sql.in("id", messages.map(({ id }) => id))}`
        const messageIds = messages.map(({ messageId }) => messageId).toReversed()
        yield* events.append([{ type: "chat.read", deviceId, data: { chat: first.chat, messageIds, timestamp } }])
      }).pipe(events.transaction, retryConflicts)
    }, atBoundary)
  })
})
