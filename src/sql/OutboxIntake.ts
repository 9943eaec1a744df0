import { SqlClient } from "@effect/sql"
import { DateTime, Effect, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { DeviceNotFound } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import { IdempotencyConflict, MessageId } from "../domain/Message.ts"
import type { PhoneNumber } from "../domain/PhoneNumber.ts"
import { atBoundary, retryConflicts } from "./Boundary.ts"
import { chatKeyOf } from "./ContactRow.ts"
import { makeContactUpsert } from "./ContactUpsert.ts"
import { makeDeviceLock } from "./DeviceLock.ts"
import { makeDialect } from "./Dialect.ts"
import { EventLog } from "./EventLog.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "./MessageRow.ts"

interface Accepted {
  readonly deviceId: DeviceId
  readonly to: PhoneNumber
  readonly text: string
  readonly idempotencyKey?: string | undefined
  readonly requestHash?: string | undefined
  readonly priority?: number | undefined
}

const Earlier = Schema.Array(Schema.Struct({ id: Schema.Int, requestHash: Schema.NullOr(Schema.String) }))

/** Not to be guessed: WhatsApp takes a receipt's id for the message it is about. */
const newMessageId = Effect.sync(() => MessageId.make(`3EB0${randomBytes(9).toString("hex").toUpperCase()}`))

export const makeOutboxIntake = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert

  const read = Effect.fnUntraced(function*(id: number) {
    const rows = yield* sql`SELECT ${sql.literal(messageColumns)} FROM ${sql.literal(messagesWithContacts)}
      WHERE m.id = ${id}`
    const [message] = yield* decodeMessages(rows)
    return message!
  })

  // the device's row is locked: of two calls with one key the second finds the message of the first
  const replay = Effect.fnUntraced(function*(deviceId: DeviceId, idempotencyKey: string, hash: string | undefined) {
    const rows = yield* sql`SELECT id, request_hash FROM messages
      WHERE device_id = ${deviceId} AND idempotency_key = ${idempotencyKey}`
    const [earlier] = yield* Schema.decodeUnknown(Earlier)(rows)
    if (earlier === undefined) return undefined
    if (earlier.requestHash !== (hash ?? null)) return yield* new IdempotencyConflict({ idempotencyKey })
    return { message: yield* read(earlier.id), replayed: true }
  })

  const accept = Effect.fnUntraced(function*(input: Accepted) {
    const { deviceId, idempotencyKey } = input
    const found = yield* lock.byId(deviceId)
    if (Option.isNone(found) || found.value.wanted === "deleted") return yield* new DeviceNotFound({ deviceId })
    const device = found.value
    const replayed = idempotencyKey === undefined ? undefined : yield* replay(deviceId, idempotencyKey, input.requestHash)
    if (replayed !== undefined) return replayed
    const [contact] = yield* contacts.upsertLocked(deviceId, device.userId, [{ phone: input.to }])
    const now = yield* DateTime.now
    const at = now.epochMillis
    const id = yield* dialect.insert("messages", {
      userId: device.userId,
      sessionId: device.id,
      deviceId,
      chatKey: chatKeyOf(contact!.id),
      senderKey: "me",
      messageId: yield* newMessageId,
      contactId: contact!.id,
      fromNumber: device.phoneNumber,
      toNumber: input.to,
      messageType: "text",
      content: input.text,
      direction: "outgoing",
      status: "pending",
      timestamp: at,
      idempotencyKey: idempotencyKey ?? null,
      requestHash: input.requestHash ?? null,
      priority: input.priority ?? 0,
      queue: deviceId,
      sendAt: at,
      dueAt: at,
      createdAt: at,
      updatedAt: at
    })
    const message = yield* read(id)
    const { chat, messageId, status } = message
    yield* events.append([
      { type: "message.status", deviceId, data: { messageId, chat, status, failure: null, timestamp: now } }
    ])
    return { message, replayed: false }
  })

  return Effect.fn("Outbox.accept")((input: Accepted) => atBoundary(retryConflicts(events.transaction(accept(input)))))
})
