import { Schema, Struct } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { isJid, Jid, phoneJid } from "../../domain/Jid.ts"
import { type ChatRef, Direction, Message, MessageId, MessageStatus, MessageType, SendFailure } from "../../domain/Message.ts"
import { OptionVotes, Reaction } from "../../domain/MessageChange.ts"
import { MediaState, MediaTrouble, mediaTypes } from "../../domain/Media.ts"
import { MessageMetadata } from "../../domain/MessageMetadata.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { chatKeyOf } from "../contacts/ContactRow.ts"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)
const text = Schema.NullOr(Schema.String)

/** What tells a row's chat, with the contact joined as `c`. */
export const chatFields = {
  chatKey: Schema.String,
  contactId: Schema.NullOr(Schema.Int),
  fromNumber: text,
  toNumber: text,
  direction: Direction,
  contactJid: Schema.NullOr(Jid),
  contactLid: Schema.NullOr(Jid),
  contactPhone: Schema.NullOr(PhoneNumber)
}
export const chatColumns = `m.chat_key, m.contact_id, m.from_number, m.to_number, m.direction, c.jid AS contact_jid,
  c.lid AS contact_lid, c.phone_number AS contact_phone`
type ChatColumns = Schema.Schema.Type<Schema.Struct<typeof chatFields>>

export const chatOf = (row: ChatColumns): ChatRef => {
  const person = row.contactId !== null && row.chatKey === chatKeyOf(row.contactId)
  if (!person) return { jid: row.chatKey as Jid, lid: null, phone: null }
  const jid = row.contactJid ?? row.contactLid
  if (jid !== null) return { jid, lid: row.contactLid, phone: row.contactPhone }
  // the contact went with its device: what the row itself remembers of him
  const number = (row.direction === "incoming" ? row.fromNumber : row.toNumber) ?? ""
  return isJid(number)
    ? { jid: number, lid: number, phone: null }
    : { jid: phoneJid(number), lid: null, phone: Schema.is(PhoneNumber)(number) ? number : null }
}

const MessageRow = Schema.Struct({
  ...chatFields,
  id: Schema.Int,
  deviceId: DeviceId,
  messageId: MessageId,
  participant: Schema.NullOr(Jid),
  messageType: MessageType,
  content: text,
  status: MessageStatus,
  failure: Schema.NullOr(Schema.parseJson(SendFailure)),
  timestamp: Schema.DateTimeUtcFromNumber,
  sentAt: time,
  deliveredAt: time,
  readAt: time,
  metadata: Schema.NullOr(Schema.parseJson(MessageMetadata)),
  mediaState: Schema.NullOr(MediaState),
  mediaReason: Schema.NullOr(MediaTrouble),
  editedAt: time,
  deletedAt: time,
  reactions: Schema.NullOr(Schema.parseJson(Schema.Array(Reaction))),
  votes: Schema.NullOr(Schema.parseJson(Schema.Array(OptionVotes))),
  historical: Schema.transformLiterals([1, true], [0, false]),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})

const mediaOf = (column: string) => `(SELECT mm.${column} FROM message_media mm WHERE mm.message_row = m.id)`
const fetchable = `m.secrets IS NOT NULL AND m.message_type IN (${mediaTypes.map((type) => `'${type}'`).join(", ")})`

export const messageColumns = `m.id, m.device_id, m.message_id, m.participant, m.message_type, m.content, m.status,
  m.failure, m.timestamp, m.sent_at, m.delivered_at, m.read_at, m.metadata, m.historical, m.edited_at, m.deleted_at,
  m.reactions, m.votes,
  COALESCE(${mediaOf("state")}, CASE WHEN ${fetchable} THEN 'available' END) AS media_state,
  ${mediaOf("reason")} AS media_reason, m.created_at, m.updated_at, ${chatColumns}`
export const messagesWithContacts = "messages m LEFT JOIN contacts c ON c.id = m.contact_id"

/** Rows with {@link messageColumns} of {@link messagesWithContacts}. */
export const decodeMessages = Schema.decodeUnknown(
  Schema.Array(
    Schema.transform(MessageRow, Schema.typeSchema(Message), {
      strict: true,
      decode: (row) =>
        new Message(
          {
            ...Struct.omit(row, "chatKey", "contactId", "contactJid", "contactLid", "contactPhone", "mediaState", "mediaReason"),
            chat: chatOf(row),
            media: row.mediaState === null ? null : { state: row.mediaState, reason: row.mediaReason },
            reactions: row.reactions ?? []
          },
          { disableValidation: true }
        ),
      encode: () => {
        throw new TypeError("messages are written column by column")
      }
    })
  )
)
