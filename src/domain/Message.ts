import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { Jid } from "./Jid.ts"
import { MessageMedia } from "./Media.ts"
import { OptionVotes, Reaction } from "./MessageChange.ts"
import { MessageMetadata } from "./MessageMetadata.ts"
import { PhoneNumber } from "./PhoneNumber.ts"
import { WaitingFor } from "./WaitingFor.ts"

/** WhatsApp's id of a message, unique within (chat, sender), chosen by its sender; ours are `3EB0` + 18 hex digits. */
export const MessageId = Schema.String.pipe(Schema.pattern(/^[\x20-\x7e]{1,128}$/), Schema.brand("MessageId"))
export type MessageId = typeof MessageId.Type

export const MessageStatus = Schema.Literal("pending", "sent", "delivered", "read", "failed", "cancelled")
export type MessageStatus = typeof MessageStatus.Type

const rank: Record<MessageStatus, number> = { pending: 0, failed: 0, cancelled: 0, sent: 1, delivered: 2, read: 3 }

/**
 * Statuses only go forward. WhatsApp may report them late or out of order; `failed` and `cancelled` come from `pending`
 * alone, but an ack or receipt that proves the message went out overrules them.
 */
export const isForward = (from: MessageStatus, to: MessageStatus): boolean =>
  to === "failed" || to === "cancelled" ? from === "pending" : rank[to] > rank[from]

export const Direction = Schema.Literal("incoming", "outgoing")
export type Direction = typeof Direction.Type

/** WhatsApp's kind of content; a kind this version does not know is stored under `unknown` with its name in the metadata. */
export const MessageType = Schema.Literal(
  "text", "image", "video", "audio", "document", "sticker", "location", "contact", "poll", "reaction", "edit", "delete",
  "undecryptable", "unknown"
)
export type MessageType = typeof MessageType.Type

/** Outgoing rows of these kinds change another message and are none that a chat shows. */
export const changeTypes = ["reaction", "edit", "delete"] as const satisfies ReadonlyArray<MessageType>
export const isChangeType = Schema.is(Schema.Literal(...changeTypes))

/** Why a message is `failed`. `code` is stable, `text` is for people; `whatsapp` is WhatsApp's own number where it gave one. */
export const SendFailure = Schema.Struct({
  code: Schema.Literal(
    "NOT_ON_WHATSAPP", "REFUSED_BY_WHATSAPP", "REACHOUT_TIMELOCK", "NEW_CHAT_CAP", "RATE_LIMITED", "NO_DEVICES",
    "ENCRYPTION_FAILED", "CONTENT_UNREADABLE", "UNACKNOWLEDGED", "MEDIA_GONE", "MEDIA_REFUSED", "MEDIA_NOT_UPLOADED"
  ),
  text: Schema.String,
  whatsapp: Schema.NullOr(Schema.Int)
})
export type SendFailure = typeof SendFailure.Type

/** Both ids of the person or group at the other end; `phone` and `lid` are null as long as WhatsApp has not told them. */
export const ChatRef = Schema.Struct({
  jid: Jid,
  lid: Schema.NullOr(Jid),
  phone: Schema.NullOr(PhoneNumber)
})
export type ChatRef = typeof ChatRef.Type

const orNull = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.NullOr(schema).pipe(Schema.propertySignature, Schema.withConstructorDefault(() => null))

export class Message extends Schema.Class<Message>("Message")({
  id: Schema.Int,
  deviceId: DeviceId,
  messageId: MessageId,
  chat: ChatRef,
  fromNumber: Schema.NullOr(Schema.String),
  toNumber: Schema.NullOr(Schema.String),
  /** in groups: who wrote it */
  participant: Schema.NullOr(Jid),
  messageType: MessageType,
  content: Schema.NullOr(Schema.String),
  direction: Direction,
  status: MessageStatus,
  failure: Schema.NullOr(SendFailure),
  /** of a message that is `pending`: why it is not out yet, where that was asked */
  waitingFor: orNull(WaitingFor),
  timestamp: Schema.DateTimeUtc,
  sentAt: Schema.NullOr(Schema.DateTimeUtc),
  deliveredAt: Schema.NullOr(Schema.DateTimeUtc),
  readAt: Schema.NullOr(Schema.DateTimeUtc),
  metadata: Schema.NullOr(MessageMetadata),
  /** whether its file is here, for messages that have one */
  media: orNull(MessageMedia),
  /** when its text was last changed by its writer, and when he took it back: its text is gone then */
  editedAt: orNull(Schema.DateTimeUtc),
  deletedAt: orNull(Schema.DateTimeUtc),
  reactions: Schema.Array(Reaction).pipe(Schema.propertySignature, Schema.withConstructorDefault(() => [])),
  /** of a poll: its options, and who has chosen them */
  votes: orNull(Schema.Array(OptionVotes)),
  /** from before the pairing: the phone handed it over */
  historical: Schema.Boolean.pipe(Schema.propertySignature, Schema.withConstructorDefault(() => false)),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** Text that WhatsApp takes in one message; the bound is ours. */
export const MessageText = Schema.String.pipe(
  Schema.filter((text) => (text.trim() === "" ? "the text is empty" : undefined)),
  Schema.filter((text) => (Buffer.byteLength(text) > 65_536 ? "the text is longer than 65536 bytes" : undefined))
)

export class MessageNotFound extends Schema.TaggedError<MessageNotFound>()(
  "MessageNotFound",
  { messageId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no message ${this.messageId}.`
  }
}

export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()(
  "IdempotencyConflict",
  { idempotencyKey: Schema.String },
  HttpApiSchema.annotations({ status: 422 })
) {
  override get message() {
    return "This Idempotency-Key was used before with a different body."
  }
}
