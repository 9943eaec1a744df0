import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import type { MessageType } from "./Message.ts"

/** What WhatsApp shows a file as. A voice note is an audio with a waveform's place and a play mark. */
export const MediaKind = Schema.Literal("image", "video", "audio", "voice", "document", "sticker")
export type MediaKind = typeof MediaKind.Type

const mebibyte = 1024 * 1024
/** The largest files, in bytes, that WhatsApp's own clients send as each kind. */
export const largest: Readonly<Record<MediaKind, number>> = {
  image: 16 * mebibyte,
  video: 100 * mebibyte,
  audio: 16 * mebibyte,
  voice: 16 * mebibyte,
  document: 2048 * mebibyte,
  sticker: mebibyte
}

export const messageTypeOf = (kind: MediaKind) => (kind === "voice" ? "audio" : kind) satisfies MessageType
export const mediaTypes = ["image", "video", "audio", "document", "sticker"] as const satisfies ReadonlyArray<MessageType>

/** Names a stored file: to be sent once more by it. Not to be guessed. */
export const MediaId = Schema.String.pipe(
  Schema.pattern(/^[0-9a-f]{32}$/, { message: () => "32 hex digits are expected" }),
  Schema.brand("MediaId")
)
export type MediaId = typeof MediaId.Type

/** A file that lies in the store, whole. `mimetype` is what its first bytes say. */
export const StoredMedia = Schema.Struct({
  mediaId: MediaId,
  mimetype: Schema.String,
  size: Schema.Int,
  /** in hex */
  sha256: Schema.String,
  fileName: Schema.NullOr(Schema.String)
})
export type StoredMedia = typeof StoredMedia.Type

/** What a message shows of its image until that is fetched; width and height are the image's own, in pixels. */
export interface ImagePreview {
  readonly width: number
  readonly height: number
  readonly jpeg: Uint8Array
}

/**
 * `available`: WhatsApp may still have it, and nobody has asked for it here. `pending`: it is being fetched. `expired`:
 * neither WhatsApp nor the phone has it any more, or it was kept for as long as files are kept.
 */
export const MediaState = Schema.Literal("available", "pending", "stored", "failed", "expired")
export type MediaState = typeof MediaState.Type

/** Why a file could not be had. */
export const MediaTrouble = Schema.Literal("gone", "damaged", "unreachable", "too_large", "storage_full", "retention")
export type MediaTrouble = typeof MediaTrouble.Type

export const MessageMedia = Schema.Struct({ state: MediaState, reason: Schema.NullOr(MediaTrouble) })
export type MessageMedia = typeof MessageMedia.Type

/** What it takes to fetch a file from WhatsApp and to know that it is the one. */
export interface MediaSource {
  readonly kind: MediaKind
  readonly mediaKey: Uint8Array
  readonly directPath: string | undefined
  readonly url: string | undefined
  readonly fileSha256: Uint8Array | undefined
  readonly fileEncSha256: Uint8Array | undefined
}

export class MediaNotFound extends Schema.TaggedError<MediaNotFound>()(
  "MediaNotFound",
  { mediaId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no file ${this.mediaId} on this device, or it is no longer kept.`
  }
}

/** The message is there and its file is not. */
export class MediaNotStored extends Schema.TaggedError<MediaNotStored>()(
  "MediaNotStored",
  { messageId: Schema.String, state: MediaState, reason: Schema.NullOr(MediaTrouble) },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return {
      available: "The file has not been fetched; POST asks for it.",
      pending: "The file is being fetched.",
      stored: "The file is stored.",
      failed: "The file could not be fetched; POST tries again.",
      expired: "The file is gone."
    }[this.state]
  }
}

export class MessageHasNoMedia extends Schema.TaggedError<MessageHasNoMedia>()(
  "MessageHasNoMedia",
  { messageId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `The message ${this.messageId} has no file.`
  }
}

export class MediaTooLarge extends Schema.TaggedError<MediaTooLarge>()(
  "MediaTooLarge",
  { field: Schema.String, limitBytes: Schema.Int },
  HttpApiSchema.annotations({ status: 413 })
) {
  override get message() {
    return `${this.field}: at most ${this.limitBytes} bytes are taken.`
  }
}

/** The bytes are not of the kind that was asked for. */
export class MediaTypeMismatch extends Schema.TaggedError<MediaTypeMismatch>()(
  "MediaTypeMismatch",
  { field: Schema.String, type: MediaKind, mimetype: Schema.String, expected: Schema.Array(Schema.String) },
  HttpApiSchema.annotations({ status: 415 })
) {
  override get message() {
    return `${this.field}: a file of the type ${this.mimetype} is not sent as ${this.type}; ${this.expected.join(", ")} are.`
  }
}

export class InvalidMultipart extends Schema.TaggedError<InvalidMultipart>()(
  "InvalidMultipart",
  { field: Schema.String, reason: Schema.String },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    return `${this.field}: ${this.reason}.`
  }
}

/** The address of a file did not give one. */
export class MediaUnreachable extends Schema.TaggedError<MediaUnreachable>()(
  "MediaUnreachable",
  {
    field: Schema.String,
    reason: Schema.Literal("private_address", "unknown_host", "timeout", "tls", "connection", "status", "redirects"),
    status: Schema.NullOr(Schema.Int)
  },
  HttpApiSchema.annotations({ status: 422 })
) {
  override get message() {
    return `${this.field}: ${unreachable[this.reason]}${this.status === null ? "" : ` (${this.status})`}.`
  }
}
const unreachable = {
  private_address: "the address does not belong to the public internet",
  unknown_host: "the host name is not known",
  timeout: "the server did not answer in time",
  tls: "the server's certificate is not valid",
  connection: "the connection broke",
  status: "the server did not answer with a file",
  redirects: "the server sends from one address to the next"
}

/** The disk is full, or what files may take of it. */
export class MediaStorageFull extends Schema.TaggedError<MediaStorageFull>()(
  "MediaStorageFull",
  { cause: Schema.optional(Schema.Defect) },
  HttpApiSchema.annotations({ status: 507 })
) {
  override get message() {
    return "There is no room for further files."
  }
}
