import { Schema } from "effect"
import { DeviceReason, DeviceStatus, Restriction } from "./Device.ts"
import { DeviceId } from "./DeviceId.ts"
import { GroupParticipantsData, GroupUpdatedData } from "./GroupEvent.ts"
import { Jid } from "./Jid.ts"
import { JobId, JobProgress, JobStatus } from "./Job.ts"
import { MediaTrouble, MessageMedia, StoredMedia } from "./Media.ts"
import { ChatRef, Direction, MessageId, MessageStatus, MessageType, SendFailure } from "./Message.ts"
import { OptionVotes } from "./MessageChange.ts"
import { MessageMetadata } from "./MessageMetadata.ts"
import { UserId } from "./User.ts"

/** `device-status`, and under its older name `whatsapp-status`: a device's state changed. */
export const DeviceStatusData = Schema.Struct({
  status: DeviceStatus,
  reason: Schema.NullOr(DeviceReason),
  reasonText: Schema.NullOr(Schema.String),
  since: Schema.DateTimeUtc,
  retryAt: Schema.NullOr(Schema.DateTimeUtc),
  restriction: Schema.NullOr(Restriction),
  phoneNumber: Schema.NullOr(Schema.String),
  /** of the account that the device is paired with */
  lid: Schema.NullOr(Jid),
  deviceName: Schema.String
})

/** `qr-code`: a QR code to scan; `qr` is its text, `qrCode` the same as a PNG data URL. */
export const QrCodeData = Schema.Struct({
  qr: Schema.String,
  qrCode: Schema.String,
  expiresAt: Schema.DateTimeUtc
})

/** `pairing-code`: eight characters to type on the phone. */
export const PairingCodeData = Schema.Struct({
  pairingCode: Schema.String,
  phoneNumber: Schema.String,
  expiresAt: Schema.DateTimeUtc
})

/** Both ids of everybody whom the payload names by one of them: as `from` or `to`, as quoted or mentioned, as a voter. */
const people = Schema.Array(ChatRef)

/** `message.received` (someone wrote) and `message.sent` (written on the device's own phone). */
export const MessageData = Schema.Struct({
  messageId: MessageId,
  chat: ChatRef,
  from: Schema.NullOr(Schema.String),
  to: Schema.NullOr(Schema.String),
  participant: Schema.NullOr(ChatRef),
  pushName: Schema.NullOr(Schema.String),
  direction: Direction,
  messageType: MessageType,
  content: Schema.NullOr(Schema.String),
  metadata: Schema.NullOr(MessageMetadata),
  /** of messages with a file: whether it is here; `message.media` tells when that changes */
  media: Schema.NullOr(MessageMedia),
  timestamp: Schema.DateTimeUtc,
  people,
  offline: Schema.Boolean,
  /** the text of a message that arrived undecryptable before */
  recovered: Schema.Boolean
})

/** `message.undecryptable`: a message came whose text could not be read; `message.received` follows if it is sent again. */
export const UndecryptableData = Schema.Struct({
  messageId: MessageId,
  chat: ChatRef,
  participant: Schema.NullOr(ChatRef),
  timestamp: Schema.DateTimeUtc,
  reason: Schema.String
})

/**
 * `message.quarantined`: something came whose rows the database refuses. It is kept aside for 14 days under `journalId`; a
 * person must look, the messages after it are not kept waiting.
 */
export const QuarantinedData = Schema.Struct({
  journalId: Schema.Int,
  messageIds: Schema.Array(MessageId),
  reason: Schema.String
})

/** `message.status`, and once more as `message.delivered` when that is the status. */
export const MessageStatusData = Schema.Struct({
  messageId: MessageId,
  chat: ChatRef,
  status: MessageStatus,
  failure: Schema.NullOr(SendFailure),
  timestamp: Schema.DateTimeUtc
})

/** What all changes of a message tell: `messageId` names the message that is changed, `changeId` the one that changes it. */
const changed = {
  messageId: MessageId,
  chat: ChatRef,
  changeId: MessageId,
  /** who made the change */
  from: Schema.NullOr(Schema.String),
  fromMe: Schema.Boolean,
  participant: Schema.NullOr(ChatRef),
  people,
  timestamp: Schema.DateTimeUtc
}

/** `message.edited`: its text is `content` now. */
export const MessageEditedData = Schema.Struct({ ...changed, content: Schema.NullOr(Schema.String) })
/** `message.deleted`: taken back for everyone. */
export const MessageDeletedData = Schema.Struct(changed)
/** `message.reaction`: `emoji` is null when the reaction was taken back. */
export const MessageReactionData = Schema.Struct({ ...changed, emoji: Schema.NullOr(Schema.String) })
/** `message.vote`: what this person chooses now, and how the poll stands. */
export const MessageVoteData = Schema.Struct({
  ...changed,
  options: Schema.Array(Schema.String),
  votes: Schema.Array(OptionVotes)
})

/** `message.media`: the file of a message is here now (`media`), or could not be had. */
export const MessageMediaData = Schema.Struct({
  messageId: MessageId,
  chat: ChatRef,
  direction: Direction,
  state: Schema.Literal("stored", "failed", "expired"),
  reason: Schema.NullOr(MediaTrouble),
  media: Schema.NullOr(StoredMedia),
  timestamp: Schema.DateTimeUtc
})

/** `chat.read`: incoming messages of a chat were marked as read here. */
export const ChatReadData = Schema.Struct({
  chat: ChatRef,
  messageIds: Schema.Array(MessageId),
  timestamp: Schema.DateTimeUtc
})

/** `history.synced`: the phone has handed over a piece of what was said before the pairing; no message of it is an event. */
export const HistorySyncedData = Schema.Struct({
  syncType: Schema.String,
  /** in percent, of all that the phone hands over */
  progress: Schema.NullOr(Schema.Int),
  chats: Schema.Int,
  messages: Schema.Int,
  /** how many of these were not known before */
  stored: Schema.Int
})

/** `job.progress`: from time to time, and when a job is paused, resumed or cancelled; `job.completed`: nothing of it waits any more. */
export const JobData = Schema.Struct({
  jobId: JobId,
  name: Schema.NullOr(Schema.String),
  status: JobStatus,
  progress: JobProgress,
  timestamp: Schema.DateTimeUtc
})

/** `webhook.disabled`: an endpoint gets nothing any more, until somebody enables it; told by a device whose event it did not take. */
export const WebhookDisabledData = Schema.Struct({
  webhookId: Schema.Int,
  /** of the address only this: the rest may be secret */
  host: Schema.String,
  reason: Schema.Literal("gone", "failing"),
  failingSince: Schema.NullOr(Schema.DateTimeUtc)
})

/** The version of all payload schemas here. */
export const eventVersion = 1

/** Every type of event with the schema of its `data`. Webhooks, SSE and the documentation are made from this table. */
export const eventTypes = {
  "device-status": DeviceStatusData,
  "whatsapp-status": DeviceStatusData,
  "qr-code": QrCodeData,
  "pairing-code": PairingCodeData,
  "message.received": MessageData,
  "message.sent": MessageData,
  "message.undecryptable": UndecryptableData,
  "message.quarantined": QuarantinedData,
  "message.status": MessageStatusData,
  "message.delivered": MessageStatusData,
  "message.edited": MessageEditedData,
  "message.deleted": MessageDeletedData,
  "message.reaction": MessageReactionData,
  "message.vote": MessageVoteData,
  "message.media": MessageMediaData,
  "chat.read": ChatReadData,
  "group.updated": GroupUpdatedData,
  "group.participants": GroupParticipantsData,
  "history.synced": HistorySyncedData,
  "job.progress": JobData,
  "job.completed": JobData,
  "webhook.disabled": WebhookDisabledData
} as const
export type EventType = keyof typeof eventTypes
export const EventType = Schema.Literal(...(Object.keys(eventTypes) as [EventType, ...Array<EventType>]))

/** A fact to be written; `append` gives it its ids. */
export type NewEvent = {
  [T in EventType]: {
    readonly type: T
    readonly deviceId: DeviceId
    readonly data: (typeof eventTypes)[T]["Type"]
  }
}[EventType]

export const EventId = Schema.Int.pipe(Schema.positive(), Schema.brand("EventId"))
export type EventId = typeof EventId.Type

/** An event as it stands in the log. `data` is the encoded payload of its type's schema, at `version`. */
export class ServiceEvent extends Schema.Class<ServiceEvent>("ServiceEvent")({
  id: EventId,
  type: EventType,
  version: Schema.Int,
  deviceId: DeviceId,
  userId: UserId,
  /** counts the events of one device from 1 without gaps */
  sequence: Schema.Int,
  timestamp: Schema.DateTimeUtc,
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown })
}) {}
