import { proto } from "../protocol/codec.ts"
import { innerMessage } from "./innerMessage.ts"

const { Type } = proto.Message.ProtocolMessage

const polls = ["pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3"] as const

const contextOf = (message: proto.IMessage): proto.IContextInfo | undefined => {
  for (const part of Object.values(message)) {
    if (typeof part === "object" && part !== null && "contextInfo" in part && part.contextInfo) {
      return part.contextInfo as proto.IContextInfo
    }
  }
  return undefined
}

const particulars = (message: proto.IMessage) => {
  const { contactMessage, contactsArrayMessage, liveLocationMessage, locationMessage, protocolMessage, reactionMessage } = message
  const poll = polls.map((name) => message[name]).find((each) => each)
  if (reactionMessage) return { kind: "reaction", to: reactionMessage.key?.id, emoji: reactionMessage.text ?? "" }
  if (protocolMessage?.type === Type.REVOKE) return { kind: "revoke", to: protocolMessage.key?.id }
  if (protocolMessage?.type === Type.MESSAGE_EDIT) {
    const { conversation, extendedTextMessage } = protocolMessage.editedMessage ?? {}
    return { kind: "edit", to: protocolMessage.key?.id, edited: conversation ?? extendedTextMessage?.text }
  }
  if (protocolMessage) return { kind: "protocol" }
  if (poll) return { kind: "poll", poll: { name: poll.name, options: poll.options?.map((each) => each.optionName) } }
  if (locationMessage ?? liveLocationMessage) {
    const { degreesLatitude: latitude, degreesLongitude: longitude } = locationMessage ?? liveLocationMessage ?? {}
    return { kind: locationMessage ? "location" : "live-location", latitude, longitude, name: locationMessage?.name }
  }
  const cards = contactMessage ? [contactMessage] : contactsArrayMessage?.contacts
  if (cards) return { kind: "contacts", contacts: cards.map(({ displayName, vcard }) => ({ name: displayName, vcard })) }
  if (message.conversation ?? message.extendedTextMessage) return { kind: "text" }
  const name = Object.keys(message).find((each) => each !== "messageContextInfo" && each !== "senderKeyDistributionMessage")
  return { kind: name?.replace(/Message$/, "") ?? "empty" }
}

/** What a message is, in the words of one who reads it. */
export const contentOf = (message: proto.IMessage) => {
  const inner = innerMessage(message)
  const context = contextOf(inner)
  return {
    ...particulars(inner),
    ...(context?.stanzaId ? { replyTo: context.stanzaId } : {}),
    ...(context?.mentionedJid?.length ? { mentions: context.mentionedJid } : {}),
    ...(context?.isForwarded ? { forwarded: true } : {}),
    ...(context?.expiration ? { expiration: context.expiration } : {})
  }
}
