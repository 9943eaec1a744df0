import { Data, Schema } from "effect"
import { Jid } from "./Jid.ts"
import { MediaId, MediaKind } from "./Media.ts"
import { MessageId } from "./Message.ts"
import { PhoneNumber } from "./PhoneNumber.ts"

/** The content of a message that exists: its text, or for other kinds WhatsApp's protobuf `Message`. */
const Source = Schema.Struct({
  text: Schema.NullOr(Schema.String),
  payload: Schema.NullOr(Schema.Uint8ArrayFromBase64)
})
export type Source = typeof Source.Type

/** `author` is null for the other end of a direct chat. */
const Quote = Schema.Struct({ messageId: MessageId, author: Schema.NullOr(Jid), source: Source })
export type Quote = typeof Quote.Type
const quote = Schema.NullOr(Quote)

/** `participant`: who wrote it, in groups. */
const Target = Schema.Struct({ messageId: MessageId, fromMe: Schema.Boolean, participant: Schema.NullOr(Jid) })
export type Target = typeof Target.Type

/** milliseconds since 1970: the newest of a person's changes of the same kind counts */
const at = Schema.Int

export const LinkPreview = Schema.Struct({
  url: Schema.String,
  title: Schema.String,
  description: Schema.NullOr(Schema.String)
})

export const ContactCard = Schema.Struct({
  name: Schema.String,
  phone: PhoneNumber,
  organization: Schema.NullOr(Schema.String),
  email: Schema.NullOr(Schema.String)
})
export type ContactCard = typeof ContactCard.Type

/** What is to be sent, as it waits in the outbox: whole, so that nothing that happens meanwhile can spoil it. */
export const OutgoingContent = Schema.Union(
  Schema.TaggedStruct("Text", {
    text: Schema.String,
    mentions: Schema.Array(Jid),
    preview: Schema.NullOr(LinkPreview),
    quote
  }),
  Schema.TaggedStruct("Location", {
    latitude: Schema.Number,
    longitude: Schema.Number,
    name: Schema.NullOr(Schema.String),
    address: Schema.NullOr(Schema.String),
    quote
  }),
  Schema.TaggedStruct("Contacts", { contacts: Schema.Array(ContactCard), quote }),
  Schema.TaggedStruct("Poll", {
    name: Schema.String,
    options: Schema.Array(Schema.String),
    selectable: Schema.Int,
    /** votes are encrypted under it */
    secret: Schema.Uint8ArrayFromBase64,
    quote
  }),
  /** a file that lies in the store; it is put on WhatsApp's media server when its turn comes */
  Schema.TaggedStruct("Media", {
    kind: MediaKind,
    mediaId: MediaId,
    mimetype: Schema.String,
    size: Schema.Int,
    caption: Schema.NullOr(Schema.String),
    fileName: Schema.NullOr(Schema.String),
    /** how long it plays */
    seconds: Schema.NullOr(Schema.Int),
    mentions: Schema.Array(Jid),
    quote
  }),
  /** `forwarded`: marked so on the phone, which a message of one's own is not */
  Schema.TaggedStruct("Forward", { source: Source, forwarded: Schema.Boolean }),
  Schema.TaggedStruct("Reaction", { target: Target, emoji: Schema.NullOr(Schema.String), at }),
  Schema.TaggedStruct("Edit", { target: Target, text: Schema.String, mentions: Schema.Array(Jid), at }),
  Schema.TaggedStruct("Delete", { target: Target, at })
)
export type OutgoingContent = typeof OutgoingContent.Type

/** As it is stored. A version that this program does not know is an error of the one row. */
export const StoredContent = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), content: OutgoingContent }))
export const storeContent = (content: OutgoingContent): string => encode({ version: 1, content })
const encode = Schema.encodeSync(StoredContent)

type Composed = Extract<OutgoingContent, { readonly _tag: "Text" | "Location" | "Contacts" | "Poll" | "Media" }>
export type MediaContent = Extract<OutgoingContent, { readonly _tag: "Media" }>
type Unquoted<C> = C extends unknown ? Omit<C, "quote" | "secret"> : never
/** A new message as its writer gives it. */
export type Composition = Unquoted<Composed>

/** What a caller wants to be sent. Other messages are named by their ids; the outbox looks them up. */
export type SendRequest = Data.TaggedEnum<{
  New: { readonly to: Jid; readonly content: Composition; readonly quoted: MessageId | undefined }
  Forward: { readonly to: Jid; readonly source: MessageId }
  Reaction: { readonly target: MessageId; readonly emoji: string | null }
  Edit: { readonly target: MessageId; readonly text: string; readonly mentions: ReadonlyArray<Jid> }
  /** `ofOthers`: in groups also what others wrote there, which WhatsApp takes from a group's administrators */
  Delete: { readonly target: MessageId; readonly ofOthers: boolean }
}>
export const SendRequest = Data.taggedEnum<SendRequest>()

export const plainText = (to: Jid, text: string): SendRequest =>
  SendRequest.New({ to, content: { _tag: "Text", text, mentions: [], preview: null }, quoted: undefined })
