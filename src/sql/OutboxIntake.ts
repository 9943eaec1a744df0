import { SqlClient } from "@effect/sql"
import { DateTime, Effect, Either, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { DeviceNotFound } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import { IdempotencyConflict, Message, MessageId } from "../domain/Message.ts"
import type { PhoneNumber } from "../domain/PhoneNumber.ts"
import { atBoundary, retryConflicts } from "./Boundary.ts"
import { chatKeyOf, refOf } from "./ContactRow.ts"
import { makeContactUpsert } from "./ContactUpsert.ts"
import { makeDeviceLock } from "./DeviceLock.ts"
import { isDuplicate, makeDialect } from "./Dialect.ts"
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

const decodeEarlier = Schema.decodeUnknown(Earlier)

/** Not to be guessed: WhatsApp takes a receipt's id for the message it is about. */
const newMessageId = Effect.sync(() => MessageId.make(`3EB0${randomBytes(9).toString("hex").toUpperCase()}`))

export const makeOutboxIntake = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert

  /** The message of the first call with this key, if there was one. */
  const replay = Effect.fnUntraced(function*(deviceId: DeviceId, idempotencyKey: string, hash: string | undefined) {
    const rows = yield* sql`SELECT id, request_hash FROM messages
      WHERE device_id = ${deviceId} AND idempotency_key = ${idempotencyKey}`
    const [earlier] = yield* decodeEarlier(rows)
    if (earlier === undefined) return undefined
    if (earlier.requestHash !== (hash ?? null)) return yield* new IdempotencyConflict({ idempotencyKey })
    const [message] = yield* decodeMessages(
      yield* sql`SELECT ${sql.literal(messageColumns)} FROM ${sql.literal(messagesWithContacts)} WHERE m.id = ${earlier.id}`
    )
    return { message: message!, replayed: true }
  })

  const accept = Effect.fnUntraced(function*(input: Accepted) {
    const { deviceId, idempotencyKey } = input
    const found = yield* lock.byId(deviceId)
    if (Option.isNone(found) || found.value.wanted === "deleted") return yield* new DeviceNotFound({ deviceId })
    const device = found.value
    const [contact] = yield* contacts.upsertLocked(deviceId, device.userId, [{ phone: input.to }])
    const now = yield* DateTime.now
    const at = now.epochMillis
    const written = {
      deviceId,
      messageId: yield* newMessageId,
      fromNumber: device.phoneNumber,
      toNumber: input.to,
      messageType: "text",
      content: input.text,
      direction: "outgoing",
      status: "pending"
    } as const
    // the key's uniqueness is the database's to see: most calls are no repetitions, and need no look beforehand
    const inserted = yield* dialect.insert("messages", {
      ...written,
      userId: device.userId,
      sessionId: device.id,
      chatKey: chatKeyOf(contact!.id),
      senderKey: "me",
      contactId: contact!.id,
      timestamp: at,
      idempotencyKey: idempotencyKey ?? null,
      requestHash: input.requestHash ?? null,
      priority: input.priority ?? 0,
      queue: deviceId,
      sendAt: at,
      dueAt: at,
      createdAt: at,
      updatedAt: at
    }).pipe(Effect.either)
    if (Either.isLeft(inserted)) {
      const replayed = idempotencyKey === undefined || !isDuplicate(inserted.left)
        ? undefined
        : yield* replay(deviceId, idempotencyKey, input.requestHash)
      return replayed ?? (yield* inserted.left)
    }
    const message = new Message({
      ...written,
      id: inserted.right,
      chat: refOf(contact!),
      participant: null,
      failure: null,
      timestamp: now,
      sentAt: null,
      deliveredAt: null,
      readAt: null,
      metadata: null,
      createdAt: now,
      updatedAt: now
    }, { disableValidation: true })
    const { chat, messageId, status } = message
    yield* events.append([
      { type: "message.status", deviceId, data: { messageId, chat, status, failure: null, timestamp: now } }
    ])
    return { message, replayed: false }
  })

  return Effect.fn("Outbox.accept")((input: Accepted) => atBoundary(retryConflicts(events.transaction(accept(input)))))
})
