import { Schema } from "effect"

const Count = Schema.Int.pipe(Schema.nonNegative())

/** What is told of a file; how to fetch it is in {@link MessageSecrets}. */
export const MediaFacts = Schema.Struct({
  mimetype: Schema.optional(Schema.String),
  /** in bytes */
  size: Schema.optional(Count),
  fileName: Schema.optional(Schema.String),
  seconds: Schema.optional(Count),
  width: Schema.optional(Count),
  height: Schema.optional(Count),
  pages: Schema.optional(Count),
  /** a voice note */
  voice: Schema.optional(Schema.Boolean),
  /** a round video note */
  note: Schema.optional(Schema.Boolean),
  gif: Schema.optional(Schema.Boolean),
  animated: Schema.optional(Schema.Boolean)
})
export type MediaFacts = typeof MediaFacts.Type

/** What is worth knowing of a message beside its kind and text. */
export const MessageMetadata = Schema.Struct({
  /** the id of the message it answers, and who wrote that one */
  quoted: Schema.optional(Schema.String),
  quotedParticipant: Schema.optional(Schema.String),
  mentions: Schema.optional(Schema.Array(Schema.String)),
  preview: Schema.optional(Schema.Struct({
    url: Schema.String,
    title: Schema.optional(Schema.String),
    description: Schema.optional(Schema.String)
  })),
  forwarded: Schema.optional(Schema.Boolean),
  /** to be seen once */
  viewOnce: Schema.optional(Schema.Boolean),
  /** in a chat whose messages disappear, and after how many seconds */
  ephemeral: Schema.optional(Schema.Boolean),
  expiresIn: Schema.optional(Count),
  /** picked from a list or from buttons */
  choice: Schema.optional(Schema.Boolean),
  location: Schema.optional(Schema.Struct({
    latitude: Schema.Number,
    longitude: Schema.Number,
    name: Schema.optional(Schema.String),
    address: Schema.optional(Schema.String),
    live: Schema.optional(Schema.Boolean)
  })),
  contacts: Schema.optional(Schema.Array(Schema.Struct({ name: Schema.String, vcard: Schema.String }))),
  /** `selectable`: how many options one may choose, 0 for any number */
  poll: Schema.optional(Schema.Struct({ options: Schema.Array(Schema.String), selectable: Count })),
  media: Schema.optional(MediaFacts),
  /** of an `unknown` kind: its field in WhatsApp's protobuf */
  field: Schema.optional(Schema.String)
})
export type MessageMetadata = typeof MessageMetadata.Type

/** Where a file lies and the key to it, and what votes on a poll are encrypted under. No API shows them. */
export const MessageSecrets = Schema.Struct({
  media: Schema.optional(Schema.Struct({
    mediaKey: Schema.optional(Schema.Uint8ArrayFromBase64),
    directPath: Schema.optional(Schema.String),
    url: Schema.optional(Schema.String),
    fileSha256: Schema.optional(Schema.Uint8ArrayFromBase64),
    fileEncSha256: Schema.optional(Schema.Uint8ArrayFromBase64),
    /** seconds since 1970 */
    mediaKeyTimestamp: Schema.optional(Schema.Number)
  })),
  messageSecret: Schema.optional(Schema.Uint8ArrayFromBase64)
})
export type MessageSecrets = typeof MessageSecrets.Type
