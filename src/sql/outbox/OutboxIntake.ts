import { SqlClient } from "@effect/sql"
import { DateTime, Effect, Either, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { isGroupJid, isLidJid, phoneJid, userOf } from "../../domain/Jid.ts"
import type { JobId } from "../../domain/Job.ts"
import { type ChatRef, IdempotencyConflict, Message, MessageId, MessageNotFound } from "../../domain/Message.ts"
import { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import { plainText, type SendRequest, storeContent } from "../../domain/OutgoingContent.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { chatKeyOf, contactColumns, decodeContacts, refOf } from "../contacts/ContactRow.ts"
import { makeContactUpsert } from "../contacts/ContactUpsert.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { numberOf } from "../messages/Mention.ts"
import { makeMediaIntake } from "../messages/MessageMedia.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "../messages/MessageRow.ts"
import { type Destination, makeOutgoingDraft } from "./OutgoingDraft.ts"

export type Accepted = {
  readonly deviceId: DeviceId
  readonly idempotencyKey?: string | undefined
  readonly requestHash?: string | undefined
  readonly priority?: number | undefined
  /** the job it is a part of */
  readonly jobId?: JobId | undefined
} & ({ readonly request: SendRequest } | { readonly to: PhoneNumber; readonly text: string })

const Earlier = Schema.Array(Schema.Struct({ id: Schema.Int, requestHash: Schema.NullOr(Schema.String) }))

const encodeMetadata = Schema.encodeSync(Schema.parseJson(MessageMetadata))
const encodeSecrets = Schema.encodeSync(Schema.parseJson(MessageSecrets))
const decodeEarlier = Schema.decodeUnknown(Earlier)

/** Not to be guessed: WhatsApp takes a receipt's id for the message it is about. */
const newMessageId = Effect.sync(() => MessageId.make(`3EB0${randomBytes(9).toString("hex").toUpperCase()}`))

export const makeOutboxIntake = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert
  const draft = yield* makeOutgoingDraft
  const media = yield* makeMediaIntake

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

  const person = Effect.fnUntraced(function*(id: number) {
    const [contact] = yield* decodeContacts(yield* sql`SELECT ${sql.literal(contactColumns)} FROM contacts WHERE id = ${id}`)
    return contact
  })

  const place = Effect.fnUntraced(function*(deviceId: DeviceId, userId: UserId, destination: Destination) {
    if (destination._tag === "Chat") {
      const { chatKey, contactId, groupJid, toNumber } = destination
      const contact = contactId === null ? undefined : yield* person(contactId)
      const chat: ChatRef = contact === undefined ? { jid: groupJid ?? phoneJid(toNumber ?? ""), lid: null, phone: null } : refOf(contact)
      return { chat, columns: { chatKey, contactId, groupJid, toNumber } }
    }
    const { to } = destination
    if (isGroupJid(to)) {
      const chat: ChatRef = { jid: to, lid: null, phone: null }
      return { chat, columns: { chatKey: to, contactId: null, groupJid: to, toNumber: to } }
    }
    const fact = isLidJid(to) ? { lid: to } : { phone: PhoneNumber.make(userOf(to)) }
    const [contact] = yield* contacts.upsertLocked(deviceId, userId, [fact])
    const columns = { chatKey: chatKeyOf(contact!.id), contactId: contact!.id, groupJid: null, toNumber: numberOf(contact!) }
    return { chat: refOf(contact!), columns }
  })

  const accept = Effect.fnUntraced(function*(input: Accepted) {
    const { deviceId, idempotencyKey } = input
    const found = yield* lock.byId(deviceId)
    if (Option.isNone(found) || found.value.wanted === "deleted") return yield* new DeviceNotFound({ deviceId })
    const device = found.value
    const request = "request" in input ? input.request : plainText(phoneJid(input.to), input.text)
    const drafted = yield* Effect.either(draft(device, request))
    if (Either.isLeft(drafted)) {
      // what the first call named may be gone or too old by now: the repetition is still answered with it
      const replayed = idempotencyKey === undefined ? undefined : yield* replay(deviceId, idempotencyKey, input.requestHash)
      return replayed ?? (yield* drafted.left)
    }
    const { content, destination, file, messageType, metadata, onlyIn, outgoing, secrets } = drafted.right
    const { chat, columns } = yield* place(deviceId, device.userId, destination)
    if (onlyIn !== undefined && onlyIn !== columns.chatKey) {
      return yield* new MessageNotFound({ messageId: request._tag === "New" ? request.quoted ?? "" : "" })
    }
    const now = yield* DateTime.now
    const at = now.epochMillis
    const written = {
      deviceId,
      messageId: yield* newMessageId,
      fromNumber: device.phoneNumber,
      toNumber: columns.toNumber,
      messageType,
      content,
      direction: "outgoing",
      status: "pending"
    } as const
    // the key's uniqueness is the database's to see: most calls are no repetitions, and need no look beforehand
    const inserted = yield* dialect.insert("messages", {
      ...written,
      ...columns,
      userId: device.userId,
      sessionId: device.id,
      senderKey: "me",
      outgoing: storeContent(outgoing),
      metadata: metadata === null ? null : encodeMetadata(metadata),
      secrets: secrets === null ? null : encodeSecrets(secrets),
      timestamp: at,
      idempotencyKey: idempotencyKey ?? null,
      requestHash: input.requestHash ?? null,
      priority: input.priority ?? 0,
      queue: deviceId,
      sendAt: at,
      dueAt: at,
      jobId: input.jobId ?? null,
      createdAt: at,
      updatedAt: at
    }).pipe(Effect.either)
    if (Either.isLeft(inserted)) {
      const replayed = idempotencyKey === undefined || !isDuplicate(inserted.left)
        ? undefined
        : yield* replay(deviceId, idempotencyKey, input.requestHash)
      return replayed ?? (yield* inserted.left)
    }
    if (file !== undefined && !(yield* media.attach(deviceId, inserted.right, file))) {
      return yield* Effect.dieMessage(`the file ${file} was removed before its message was written`)
    }
    const message = new Message({
      ...written,
      id: inserted.right,
      chat,
      participant: null,
      failure: null,
      timestamp: now,
      sentAt: null,
      deliveredAt: null,
      readAt: null,
      metadata,
      media: file !== undefined ? { state: "stored", reason: null } : secrets?.media !== undefined ? { state: "available", reason: null } : null,
      createdAt: now,
      updatedAt: now
    }, { disableValidation: true })
    const { messageId, status } = message
    yield* events.append([
      { type: "message.status", deviceId, data: { messageId, chat, status, failure: null, timestamp: now } }
    ])
    return { message, replayed: false }
  })

  return Effect.fn("Outbox.accept")((input: Accepted) => atBoundary(retryConflicts(events.transaction(accept(input)))))
})
