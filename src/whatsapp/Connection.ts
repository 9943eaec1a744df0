import { type DateTime, type Duration, Data, type Effect, type Option, type Queue, type Redacted, Schema } from "effect"
import type { ChatState } from "../domain/ChatState.ts"
import type { About, ContactFact, PictureSize } from "../domain/Contact.ts"
import type { Restriction } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { GroupMembers } from "../domain/GroupFact.ts"
import type { HistoryPiece } from "../domain/History.ts"
import type { Jid } from "../domain/Jid.ts"
import type { ImagePreview, MediaKind, MediaSource } from "../domain/Media.ts"
import type { MessageId } from "../domain/Message.ts"
import type { PhoneNumber } from "../domain/PhoneNumber.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import type { CloseReason } from "./socket/CloseReason.ts"
import type { GroupQueries } from "./groups/GroupQueries.ts"

/** What a socket says of itself. Messages and receipts are not here: they go through the {@link InboundJournal}. */
export type SocketEvent = Data.TaggedEnum<{
  /** a QR code to show, the text to encode */
  Qr: { readonly qr: string; readonly expiresAt: DateTime.Utc }
  /** the phone has accepted the link; the socket closes with `restart` next */
  Paired: { readonly jid: Jid; readonly lid: Jid | null; readonly phone: PhoneNumber; readonly pushName: string | null; readonly platform: string | null }
  /** logged in: sends may go out */
  Open: { readonly jid: Jid; readonly lid: Jid | null; readonly phone: PhoneNumber; readonly pushName: string | null }
  /** everything that waited for us while we were away has been handed over */
  Drained: {}
  /** the journal has grown: project it */
  Journalled: {}
  Contacts: { readonly contacts: ReadonlyArray<ContactFact> }
  /** the journal has grown by what is said of groups */
  GroupsTold: {}
  /** groups have changed, and the server does not say which */
  GroupsStale: {}
  Restricted: { readonly restriction: Restriction | null }
  /** the last event; nothing follows */
  Closed: { readonly reason: CloseReason }
}>
export const SocketEvent = Data.taggedEnum<SocketEvent>()

/** WhatsApp's server has taken the message. */
export interface Ack {
  readonly at: DateTime.Utc
}

/** WhatsApp answered the message with an error. `code` is its number (463, 475, 479, 403, 429, …). */
export class SendRefused extends Schema.TaggedError<SendRefused>()("SendRefused", { code: Schema.Int }) {}
/** The message may be out: it was written to the socket, and no ack came. Sending it again under the same id is safe. */
export class SendUnacknowledged extends Schema.TaggedError<SendUnacknowledged>()("SendUnacknowledged", {
  cause: Schema.Defect
}) {}
/** Nothing was written to the socket. */
export class SendNotAttempted extends Schema.TaggedError<SendNotAttempted>()("SendNotAttempted", {
  reason: Schema.Literal("offline", "no_devices", "lookup_failed", "encryption_failed", "storage"),
  cause: Schema.Defect
}) {}
export type SendError = SendRefused | SendUnacknowledged | SendNotAttempted

/** A question to WhatsApp's server was not answered, or the socket closed meanwhile. */
export class QueryFailed extends Schema.TaggedError<QueryFailed>()("QueryFailed", {
  query: Schema.String,
  cause: Schema.Defect
}) {}

/** WhatsApp no longer has this piece of the phone's history. */
export class HistoryGone extends Schema.TaggedError<HistoryGone>()("HistoryGone", { cause: Schema.Defect }) {}

/** WhatsApp no longer has this file, and its phone has none to give either. */
export class MediaGone extends Schema.TaggedError<MediaGone>()("MediaGone", { cause: Schema.Defect }) {}

/** A file did not get to WhatsApp's media server, or from it. `file`: of ours there was nothing to read. */
export class TransferFailed extends Schema.TaggedError<TransferFailed>()("TransferFailed", {
  reason: Schema.Literal("connection", "status", "refused", "too_large", "file"),
  status: Schema.optional(Schema.Int),
  cause: Schema.Defect
}) {}

/** A file that lies on WhatsApp's media server, as the message tells of it. */
export interface UploadedMedia {
  readonly mediaKey: Uint8Array
  readonly fileSha256: Uint8Array
  readonly fileEncSha256: Uint8Array
  readonly fileLength: number
  /** seconds since 1970 */
  readonly mediaKeyTimestamp: number
  readonly directPath: string
  readonly url: string | null
}

/** What a message with a file is made of beside its words; a file that is no image has no preview. */
export interface FileParts {
  readonly uploaded: UploadedMedia
  readonly preview: ImagePreview | null
}

/** The stored credentials exist but cannot be read (wrong key, damaged row). Nothing has been overwritten. */
export class CredentialsUnreadable extends Schema.TaggedError<CredentialsUnreadable>()("CredentialsUnreadable", {
  deviceId: Schema.String,
  cause: Schema.Defect
}) {}

export interface OpenOptions {
  readonly deviceId: DeviceId
  /** the owner's epoch: writes of auth state by an older one are refused */
  readonly epoch: number
  readonly proxyUrl?: Redacted.Redacted | undefined
  /** how the device is named in the phone's list of linked devices */
  readonly browserName?: string | undefined
  /** true only when a person asked to pair: without credentials and without this, opening fails with `not_paired` */
  readonly pairing: boolean
  /** the protobuf of an outgoing message, when a receiver asks for it once more */
  readonly sentPayload: (messageId: MessageId) => Effect.Effect<Option.Option<Uint8Array>, StorageUnavailable>
  /** to whom a message in this group goes; none if what is stored is not up to date */
  readonly groupMembers: (groupId: Jid) => Effect.Effect<Option.Option<GroupMembers>, StorageUnavailable>
}

/** One open socket. Closing its scope closes it in order: queries settled, auth state flushed, the TCP connection gone. */
export interface Connection {
  /** bounded; reading stalls the socket instead of growing the heap */
  readonly events: Queue.Dequeue<SocketEvent>
  /**
   * Sends the protobuf `content` to `to` under `messageId` and waits for the server's ack. The ratchet is committed
   * before the bytes leave; calling again with the same id is what makes a retry harmless, `again` says that it is one.
   */
  readonly send: (to: Jid, messageId: MessageId, content: Uint8Array, again?: boolean) => Effect.Effect<Ack, SendError>
  /** Shows the other end of a chat what we are about to do. It is not acknowledged. */
  readonly showState: (chat: Jid, state: ChatState) => Effect.Effect<void, QueryFailed>
  /**
   * Tells the writers of these messages that they have been read, or only our own devices where the account's privacy
   * settings say so. `participant` is who wrote them, in a group. It is not acknowledged.
   */
  readonly markRead: (chat: Jid, participant: Jid | null, ids: ReadonlyArray<MessageId>) => Effect.Effect<void, QueryFailed>
  /** Which of these numbers are on WhatsApp, with both ids; at most 50 at a time. Absent ones are missing in the answer. */
  readonly lookup: (phones: ReadonlyArray<PhoneNumber>) => Effect.Effect<ReadonlyArray<ContactFact>, QueryFailed>
  /** Where to get a picture from, for some days; none if there is none or it is not for us to see. */
  readonly profilePicture: (jid: Jid, size: PictureSize) => Effect.Effect<Option.Option<string>, QueryFailed>
  /** What somebody says about himself. */
  readonly about: (jid: Jid) => Effect.Effect<About, QueryFailed>
  readonly groups: GroupQueries
  /** Eight characters to type on the phone. Only while pairing, after the first `Qr` event (waits for it). */
  readonly requestPairingCode: (phone: PhoneNumber) => Effect.Effect<string, QueryFailed>
  /** What a notification of the phone's history points to. May be asked again at any time, as long as WhatsApp keeps it. */
  readonly history: (notification: Uint8Array) => Effect.Effect<HistoryPiece, QueryFailed | HistoryGone>
  /** Seals a file and puts it on WhatsApp's media server, piece by piece; `bytes` begins anew each time, it is read twice. */
  readonly upload: (
    kind: MediaKind,
    file: { readonly bytes: () => Promise<AsyncIterable<Uint8Array>>; readonly size: number }
  ) => Effect.Effect<UploadedMedia, TransferFailed>
  /** The file of a message, in the clear, as it comes; what it throws at its end says that it was another one. */
  readonly download: (source: MediaSource, limit: number) => Effect.Effect<AsyncIterable<Uint8Array>, TransferFailed | MediaGone>
  /** Asks the phone to put a message's file on the media server once more; where it lies then. */
  readonly reupload: (message: {
    readonly chat: Jid
    readonly messageId: MessageId
    readonly fromMe: boolean
    readonly participant: Jid | null
    readonly mediaKey: Uint8Array
  }) => Effect.Effect<string, QueryFailed | MediaGone>
  /** What limits the account, after a message to a stranger was refused with `code` (463 or 475); null: nothing does. */
  readonly restriction: (code: number) => Effect.Effect<Restriction | null, QueryFailed>
  /** A server round trip; its duration. */
  readonly probe: Effect.Effect<Duration.Duration, QueryFailed>
  /** When the server last said anything. */
  readonly lastHeard: Effect.Effect<DateTime.Utc>
  /** Unlinks this device on WhatsApp's side. */
  readonly logout: Effect.Effect<void, QueryFailed>
}
