import { SqlClient } from "@effect/sql"
import { DateTime, Duration, Effect, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { Forbidden } from "../../domain/Access.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid, phoneJid } from "../../domain/Jid.ts"
import { type MediaId, messageTypeOf } from "../../domain/Media.ts"
import { changeTypes, Direction, MessageId, MessageNotFound, MessageStatus, MessageType } from "../../domain/Message.ts"
import { changeWindow, MessageNotChangeable } from "../../domain/MessageChange.ts"
import { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import type { Composition, OutgoingContent, Quote, SendRequest, Source, Target } from "../../domain/OutgoingContent.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { vCard } from "../../domain/VCard.ts"
import { chatKeyOf } from "../contacts/ContactRow.ts"

/** Where a message goes: to an address, or into the chat of a message that is there. */
export type Destination =
  | { readonly _tag: "Address"; readonly to: Jid }
  | {
    readonly _tag: "Chat"
    readonly chatKey: string
    readonly contactId: number | null
    readonly groupJid: Jid | null
    readonly toNumber: string | null
  }

export interface Draft {
  readonly destination: Destination
  readonly outgoing: OutgoingContent
  readonly messageType: MessageType
  /** for people */
  readonly content: string | null
  readonly metadata: MessageMetadata | null
  readonly secrets: MessageSecrets | null
  /** the file that goes with it */
  readonly file?: MediaId | undefined
  /** it quotes a message of this chat, and nobody else is to read that one */
  readonly onlyIn?: string | undefined
}

const json = <A, I>(schema: Schema.Schema<A, I>) => Schema.NullOr(Schema.parseJson(schema))
const Row = Schema.Struct({
  messageId: MessageId,
  chatKey: Schema.String,
  senderKey: Schema.String,
  contactId: Schema.NullOr(Schema.Int),
  groupJid: Schema.NullOr(Jid),
  participant: Schema.NullOr(Jid),
  fromNumber: Schema.NullOr(Schema.String),
  toNumber: Schema.NullOr(Schema.String),
  direction: Direction,
  messageType: MessageType,
  content: Schema.NullOr(Schema.String),
  status: MessageStatus,
  timestamp: Schema.DateTimeUtcFromNumber,
  deletedAt: Schema.NullOr(Schema.Int),
  metadata: json(MessageMetadata),
  secrets: json(MessageSecrets),
  payload: Schema.NullOr(Schema.Uint8ArrayFromSelf)
})
type Row = typeof Row.Type
const decodeRows = Schema.decodeUnknown(Schema.Array(Row))

const forwardable: ReadonlySet<MessageType> = new Set([
  "text", "image", "video", "audio", "document", "sticker", "location", "contact"
])

/** Makes of what a caller asks for what the outbox keeps; the messages it names are looked up here, once. */
export const makeOutgoingDraft = Effect.map(SqlClient.SqlClient, (sql) => {
  // ids are unique within chat and sender only: ours first, then the newest
  const find = Effect.fnUntraced(function*(deviceId: DeviceId, messageId: MessageId) {
    const [row] = yield* decodeRows(
      yield* sql`SELECT message_id, chat_key, sender_key, contact_id, group_jid, participant, from_number, to_number, direction,
          message_type, content, status, timestamp, deleted_at, metadata, secrets, payload FROM messages
        WHERE device_id = ${deviceId} AND message_id = ${messageId} AND message_type NOT IN ${sql.in(changeTypes)}
        ORDER BY CASE direction WHEN 'outgoing' THEN 0 ELSE 1 END, id DESC LIMIT 1`
    )
    if (row === undefined) return yield* new MessageNotFound({ messageId })
    const { status } = row
    if (row.deletedAt !== null) return yield* new MessageNotChangeable({ messageId, reason: "deleted" })
    if (status === "failed" || status === "cancelled") return yield* new MessageNotChangeable({ messageId, reason: "not_sent" })
    return row
  })

  const own = Effect.fnUntraced(function*(deviceId: DeviceId, messageId: MessageId) {
    const row = yield* find(deviceId, messageId)
    return row.direction === "outgoing" ? row : yield* new MessageNotChangeable({ messageId, reason: "not_ours" })
  })

  /** Members' deletions of what others wrote are ignored by every phone. */
  const isPlainMember = Effect.fnUntraced(function*(deviceId: DeviceId, groupId: Jid) {
    const found = yield* sql`SELECT id FROM ${sql("groups")} WHERE device_id = ${deviceId} AND group_id = ${groupId} AND own_role = 'member'`
    return found.length > 0
  })

  /** Ours; and in groups others', for who may speak as the group's administrator. */
  const deletable = Effect.fnUntraced(function*(deviceId: DeviceId, messageId: MessageId, ofOthers: boolean) {
    const row = yield* find(deviceId, messageId)
    if (row.direction === "outgoing") return row
    if (row.groupJid === null) return yield* new MessageNotChangeable({ messageId, reason: "not_ours" })
    if (!ofOthers) return yield* new Forbidden()
    const refused = yield* isPlainMember(deviceId, row.groupJid)
    return refused ? yield* new MessageNotChangeable({ messageId, reason: "not_ours" }) : row
  })

  const young = Effect.fnUntraced(function*({ messageId, timestamp }: Row, within: Duration.Duration) {
    const age = DateTime.distanceDuration(timestamp, yield* DateTime.now)
    if (Duration.greaterThan(age, within)) return yield* new MessageNotChangeable({ messageId, reason: "too_old" })
  })

  return Effect.fnUntraced(function*(
    device: { readonly deviceId: DeviceId; readonly phoneNumber: PhoneNumber | null },
    request: SendRequest
  ) {
    const { deviceId } = device
    const { epochMillis: at } = yield* DateTime.now
    switch (request._tag) {
      case "New": {
        const quoted = request.quoted === undefined ? undefined : yield* find(deviceId, request.quoted)
        const quote = quoted === undefined ? null : quoteOf(quoted, device.phoneNumber)
        return { ...composed(request.to, request.content, quote), onlyIn: quoted?.chatKey } satisfies Draft
      }
      case "Forward": {
        const row = yield* find(deviceId, request.source)
        const whole = row.messageType === "text" || row.payload !== null
        if (!forwardable.has(row.messageType) || !whole || row.metadata?.viewOnce === true) {
          return yield* new MessageNotChangeable({ messageId: request.source, reason: "not_forwardable" })
        }
        const { content, messageType, secrets } = row
        const forwarded = row.direction === "incoming"
        return {
          destination: { _tag: "Address", to: request.to },
          outgoing: { _tag: "Forward", source: sourceOf(row), forwarded },
          messageType,
          content,
          metadata: passedOn(row.metadata, forwarded),
          secrets,
          onlyIn: undefined
        } satisfies Draft
      }
      case "Reaction": {
        const { emoji } = request
        const row = yield* find(deviceId, request.target)
        const outgoing: OutgoingContent = { _tag: "Reaction", target: targetOf(row), emoji, at }
        return change(row, outgoing, "reaction")
      }
      case "Edit": {
        const { mentions, target, text } = request
        const row = yield* own(deviceId, target)
        yield* young(row, changeWindow.edit)
        if (row.messageType !== "text") return yield* new MessageNotChangeable({ messageId: target, reason: "not_text" })
        return change(row, { _tag: "Edit", target: targetOf(row), text, mentions, at }, "edit")
      }
      case "Delete": {
        const row = yield* deletable(deviceId, request.target, request.ofOthers)
        yield* young(row, changeWindow.delete)
        return change(row, { _tag: "Delete", target: targetOf(row), at }, "delete")
      }
    }
  })
})

/** A text may have been edited since its protobuf was made. */
const sourceOf = (row: Row): Source =>
  row.messageType === "text" || row.payload === null
    ? { text: row.content ?? "", payload: null }
    : { text: null, payload: row.payload }

const quoteOf = (row: Row, own: PhoneNumber | null): Quote => ({
  messageId: row.messageId,
  author: row.direction === "outgoing" ? (own === null ? null : phoneJid(own)) : row.participant,
  source: sourceOf(row)
})

const targetOf = ({ direction, messageId, participant }: Row): Target => ({
  messageId,
  fromMe: direction === "outgoing",
  participant
})

/** What it says is read and searched for in the message that it changes. */
const change = (row: Row, outgoing: OutgoingContent, messageType: MessageType): Draft => ({
  destination: {
    _tag: "Chat",
    chatKey: row.chatKey,
    // a group's row names its writer here
    contactId: row.groupJid === null && row.chatKey === chatKeyOf(row.contactId ?? -1) ? row.contactId : null,
    groupJid: row.groupJid,
    toNumber: row.groupJid ?? (row.direction === "outgoing" ? row.toNumber : row.fromNumber)
  },
  outgoing,
  messageType,
  content: null,
  metadata: null,
  secrets: null,
  onlyIn: undefined
})

const passedOn = (metadata: MessageMetadata | null, forwarded: boolean): MessageMetadata | null => {
  const { contacts, location, media, preview } = metadata ?? {}
  const kept = { ...(contacts && { contacts }), ...(location && { location }), ...(media && { media }), ...(preview && { preview }) }
  const whole = { ...kept, ...(forwarded && { forwarded }) }
  return Object.keys(whole).length === 0 ? null : whole
}

const composed = (to: Jid, content: Composition, quote: Quote | null): Draft => {
  const destination = { _tag: "Address", to } as const
  const quoting = quote === null ? {} : { quoted: quote.messageId }
  const draft = (
    outgoing: OutgoingContent,
    messageType: MessageType,
    text: string | null,
    facts: MessageMetadata,
    secrets: MessageSecrets | null = null
  ): Draft => {
    const metadata = { ...facts, ...quoting }
    return { destination, outgoing, messageType, content: text, metadata: Object.keys(metadata).length === 0 ? null : metadata, secrets }
  }
  switch (content._tag) {
    case "Text": {
      const { mentions, preview, text } = content
      const shown = preview && {
        preview: { url: preview.url, title: preview.title, ...(preview.description !== null && { description: preview.description }) }
      }
      return draft({ ...content, quote }, "text", text, { ...(mentions.length > 0 && { mentions }), ...shown })
    }
    case "Location": {
      const { address, latitude, longitude, name } = content
      const location = { latitude, longitude, ...(name !== null && { name }), ...(address !== null && { address }) }
      const text = [name, address].filter((part) => part !== null).join(", ") || `${latitude},${longitude}`
      return draft({ ...content, quote }, "location", text, { location })
    }
    case "Contacts": {
      const contacts = content.contacts.map((card) => ({ name: card.name, vcard: vCard(card) }))
      return draft({ ...content, quote }, "contact", contacts.map(({ name }) => name).join(", "), { contacts })
    }
    case "Media": {
      const { caption, fileName, kind, mediaId, mentions, mimetype, seconds, size } = content
      const media = {
        mimetype,
        size,
        ...(fileName !== null && { fileName }),
        ...(seconds !== null && { seconds }),
        ...(kind === "voice" && { voice: true })
      }
      const facts = { media, ...(mentions.length > 0 && { mentions }) }
      const text = caption ?? (kind === "document" ? fileName : null)
      return { ...draft({ ...content, quote }, messageTypeOf(kind), text, facts), file: mediaId }
    }
    case "Poll": {
      const { name, options, selectable } = content
      const messageSecret = randomBytes(32)
      return draft({ ...content, secret: messageSecret, quote }, "poll", name, { poll: { options, selectable } }, { messageSecret })
    }
  }
}
