import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import type { Contact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Inbound } from "../../domain/Inbound.ts"
import { Jid } from "../../domain/Jid.ts"
import { Direction, isChangeType, MessageId } from "../../domain/Message.ts"
import type { MessageChange } from "../../domain/MessageChange.ts"
import { type OutgoingContent, StoredContent, type Target } from "../../domain/OutgoingContent.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { mentioned, placeOf } from "./Mention.ts"
import type { NewChange } from "./MessageChanges.ts"
import { chatColumns, chatFields, chatOf, messagesWithContacts } from "./MessageRow.ts"
import type { TrackedRow } from "./StatusChange.ts"

/** What somebody's message changes. `contacts` answer {@link mentioned} of the fact. */
export const changeOf = (
  fact: Extract<Inbound, { readonly _tag: "Changed" }>,
  contacts: ReadonlyArray<Contact>,
  own: PhoneNumber | null
): NewChange => {
  const place = placeOf(fact.origin, contacts, own)
  const { chatKey, senderKey } = place.columns
  const { author } = fact.target
  const named = typeof author === "string" ? undefined : contacts[mentioned(fact).length - 1]
  const targetSender = author === "me" ? "me" : named === undefined ? "" : `${named.id}`
  const peers = addressesOf(contacts[0])
  return {
    chatKey,
    chat: place.chat,
    participant: place.participant,
    targetId: fact.target.messageId,
    targetSender,
    author: senderKey,
    authorNumber: place.from,
    changeId: fact.messageId,
    changedAt: fact.at.epochMillis,
    content: fact.change._tag !== "Vote" ? fact.change : {
      ...fact.change,
      voters: fact.origin.fromMe ? fact.me : peers,
      creators: author === "me" ? fact.me : named === undefined ? peers : addressesOf(named)
    }
  }
}

const addressesOf = (contact: Contact | undefined): ReadonlyArray<Jid> =>
  contact === undefined ? [] : [...new Set([contact.jid, ...(contact.lid === null ? [] : [contact.lid])])]

const Row = Schema.Struct({ ...chatFields, id: Schema.Int, messageId: MessageId, outgoing: StoredContent })
const decodeRows = Schema.decodeUnknown(Schema.Array(Row))
const Writers = Schema.Array(Schema.Struct({
  messageId: MessageId,
  chatKey: Schema.String,
  senderKey: Schema.String,
  direction: Direction,
  participant: Schema.NullOr(Jid)
}))
const decodeWriters = Schema.decodeUnknown(Writers)

/** What our own messages change that have just gone out: none of others. */
export const makeOwnChanges = Effect.map(SqlClient.SqlClient, (sql) =>
  Effect.fnUntraced(function*(
    device: { readonly deviceId: DeviceId; readonly phoneNumber: PhoneNumber | null },
    moved: ReadonlyArray<TrackedRow>
  ) {
    const ids = moved.filter(({ messageType, status }) => isChangeType(messageType) && gone.has(status)).map(({ id }) => id)
    if (ids.length === 0) return []
    const rows = yield* decodeRows(
      yield* sql`SELECT m.id, m.message_id, m.outgoing, ${sql.literal(chatColumns)} FROM ${sql.literal(messagesWithContacts)}
        WHERE m.outgoing IS NOT NULL AND ${sql.in("m.id", ids)} ORDER BY m.id`
    )
    const sources = rows.flatMap((row) => {
      const source = sourceOf(row.outgoing.content)
      return source === undefined ? [] : [{ ...source, row }]
    })
    if (sources.length === 0) return []
    const writers = yield* decodeWriters(
      yield* sql`SELECT message_id, chat_key, sender_key, direction, participant FROM messages
        WHERE device_id = ${device.deviceId} AND ${sql.in("message_id", sources.map(({ target }) => target.messageId))}`
    )
    return sources.map(({ at, change, row, target }): NewChange => ({
      chatKey: row.chatKey,
      chat: chatOf(row),
      participant: null,
      targetId: target.messageId,
      targetSender: target.fromMe ? "me" : writers.find((one) =>
        one.messageId === target.messageId && one.chatKey === row.chatKey && one.direction === "incoming" &&
        one.participant === target.participant
      )?.senderKey ?? "",
      author: "me",
      authorNumber: device.phoneNumber,
      changeId: row.messageId,
      changedAt: at,
      content: change
    }))
  }))

const gone: ReadonlySet<string> = new Set(["sent", "delivered", "read"])

const sourceOf = (
  content: OutgoingContent
): { readonly target: Target; readonly at: number; readonly change: MessageChange } | undefined => {
  switch (content._tag) {
    case "Edit":
      return { ...content, change: { _tag: "Edit", text: content.text, mentions: content.mentions } }
    case "Delete":
      return { ...content, change: { _tag: "Delete" } }
    case "Reaction":
      return { ...content, change: { _tag: "Reaction", emoji: content.emoji } }
    default:
      return undefined
  }
}
