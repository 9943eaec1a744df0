import { type DateTime, Option, Schema } from "effect"
import { isGroupJid } from "../../../domain/Jid.ts"
import type { ChatRef } from "../../../domain/Message.ts"
import { type EventType, MessageReactionData, MessageStatusData, type ServiceEvent } from "../../../domain/ServiceEvent.ts"
import { cloudContent, CloudMessage } from "./CloudContent.ts"
import { type CloudPerson, personOf, waIdOf, writerIn } from "./CloudPerson.ts"
import { cloudStatus } from "./CloudStatus.ts"

/** One of the `changes` of a Cloud API webhook, but for what it says of the business's own number. */
export interface CloudNews {
  /** `smb_message_echoes`: what the business itself writes on its phone */
  readonly field: "messages" | "smb_message_echoes"
  readonly value: Readonly<Record<string, unknown>>
}

/** What is sent to an endpoint that asks for nothing in particular: what Cloud API's field `messages` tells. */
export const cloudTypes = ["message.received", "message.reaction", "message.status"] as const satisfies ReadonlyArray<EventType>

/** An event in Cloud API's shape; undefined where that has none for it. */
export const cloudNews = ({ data, type }: ServiceEvent): CloudNews | undefined => {
  switch (type) {
    case "message.received":
      return Option.getOrUndefined(Option.map(decodeMessage(data), received))
    case "message.sent":
      return Option.getOrUndefined(Option.map(decodeMessage(data), echo))
    case "message.reaction":
      return Option.getOrUndefined(Option.map(decodeReaction(data), reaction))
    case "message.status": {
      const status = Option.getOrUndefined(Option.map(decodeStatus(data), cloudStatus))
      return status === undefined ? undefined : { field: "messages", value: { statuses: [status] } }
    }
    default:
      return undefined
  }
}

const received = (message: CloudMessage): CloudNews | undefined => {
  const writer = writerIn(message.chat, message.participant)
  return writer === undefined ? undefined : messages(writer, message.pushName, {
    ...sentBy(writer, message.chat),
    id: message.messageId,
    timestamp: seconds(message.timestamp),
    ...contextOf(message),
    ...cloudContent(message)
  })
}

const reaction = ({ changeId, chat, emoji, fromMe, messageId, participant, timestamp }: typeof Reaction.Type): CloudNews | undefined => {
  const writer = fromMe ? undefined : writerIn(chat, participant)
  return writer === undefined ? undefined : messages(writer, null, {
    ...sentBy(writer, chat),
    id: changeId,
    timestamp: seconds(timestamp),
    type: "reaction",
    // without an emoji where it was taken back
    reaction: { message_id: messageId, ...(emoji !== null && { emoji }) }
  })
}

const echo = (message: CloudMessage): CloudNews | undefined => {
  const to = isGroupJid(message.chat.jid) ? { waId: message.chat.jid, userId: undefined } : personOf(message.chat)
  if (to === undefined) return undefined
  const echoed = {
    from: message.from ?? "",
    to: to.waId,
    ...(to.userId !== undefined && { to_user_id: to.userId }),
    id: message.messageId,
    timestamp: seconds(message.timestamp),
    ...contextOf(message),
    ...cloudContent(message)
  }
  return { field: "smb_message_echoes", value: { message_echoes: [echoed] } }
}

const messages = ({ userId, waId }: CloudPerson, name: string | null, message: object): CloudNews => ({
  field: "messages",
  value: {
    contacts: [{ profile: { name: name ?? waId }, wa_id: waId, ...(userId !== undefined && { user_id: userId }) }],
    messages: [message]
  }
})

const sentBy = ({ userId, waId }: CloudPerson, chat: ChatRef) => ({
  from: waId,
  ...(userId !== undefined && { from_user_id: userId }),
  ...(isGroupJid(chat.jid) && { group_id: chat.jid })
})

const contextOf = ({ metadata }: CloudMessage) => {
  const { forwarded, quoted, quotedParticipant } = metadata ?? {}
  return quoted === undefined && forwarded !== true ? {} : {
    context: {
      ...(forwarded === true && { forwarded }),
      ...(quoted !== undefined && { id: quoted }),
      ...(quotedParticipant !== undefined && { from: waIdOf(quotedParticipant) })
    }
  }
}

const seconds = (time: DateTime.Utc) => String(Math.floor(time.epochMillis / 1000))

const Reaction = MessageReactionData.omit("people")
const decodeMessage = Schema.decodeUnknownOption(CloudMessage)
const decodeReaction = Schema.decodeUnknownOption(Reaction)
const decodeStatus = Schema.decodeUnknownOption(MessageStatusData)
