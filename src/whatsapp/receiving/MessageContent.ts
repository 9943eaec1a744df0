import { proto } from "@whiskeysockets/baileys"
import type { MessageChange } from "../../domain/MessageChange.ts"
import type { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import type { MessageType } from "../../domain/Message.ts"
import { contextOf, unwrap } from "./Envelopes.ts"
import { type Loose, some } from "./Loose.ts"
import { describeMedia } from "../media/MediaContent.ts"

type IMessage = proto.IMessage

export interface Content {
  readonly messageType: MessageType
  readonly content: string | null
  readonly metadata: MessageMetadata | null
  readonly secrets?: MessageSecrets | undefined
}

/** A message that changes the one that `key` names, from the point of view of its writer. */
export interface ChangingContent {
  readonly change: MessageChange
  readonly key: proto.IMessageKey
  /** milliseconds since 1970 by its writer's clock, where he told them */
  readonly at: number | undefined
}

/** Protocol traffic, named by the field that makes it so. */
export interface InternalContent {
  readonly internal: string
}

const internals = [
  "protocolMessage",
  "keepInChatMessage",
  "pinInChatMessage",
  "encReactionMessage",
  "stickerSyncRmrMessage",
  "senderKeyDistributionMessage",
  "fastRatchetKeySenderKeyDistributionMessage",
  "messageContextInfo"
] as const

/** What a person would call the message: its kind, its text, and a few facts about it. */
export const classify = (wrapped: IMessage): Content | ChangingContent | InternalContent => {
  const { ephemeral, message, viewOnce } = unwrap(wrapped)
  const changing = changeOf(message)
  if (changing) return changing
  const flags = { viewOnce: viewOnce || undefined, ephemeral: ephemeral || undefined }
  const known = recognise(message)
  if (known) {
    return {
      messageType: known.messageType,
      content: known.content || null,
      metadata: compact({ ...known.metadata, ...toldByContext(message), ...flags }),
      ...(known.secrets && { secrets: known.secrets })
    }
  }
  const fields = Object.keys(message).filter((key) => Reflect.get(message, key) !== null && Reflect.get(message, key) !== undefined)
  const internal = internals.find((name) => fields.includes(name))
  const foreign = fields.find((name) => !internals.some((known) => known === name))
  if (message.protocolMessage || foreign === undefined) {
    const type = message.protocolMessage?.type
    return { internal: type == null ? (internal ?? "empty") : `protocolMessage.${proto.Message.ProtocolMessage.Type[type]}` }
  }
  return {
    messageType: "unknown",
    content: foreignText(message),
    metadata: compact({ ...toldByContext(message), ...flags, field: foreign })
  }
}

const changeOf = (m: IMessage): ChangingContent | undefined => {
  const { pollUpdateMessage: vote, protocolMessage: protocol, reactionMessage: reaction } = m
  if (protocol?.key && protocol.type === proto.Message.ProtocolMessage.Type.REVOKE) {
    return { change: { _tag: "Delete" }, key: protocol.key, at: millis(protocol.timestampMs) }
  }
  if (protocol?.key && protocol.editedMessage && protocol.type === proto.Message.ProtocolMessage.Type.MESSAGE_EDIT) {
    const edited = recognise(unwrap(protocol.editedMessage).message)
    if (edited === undefined) return undefined
    const mentions = contextOf(unwrap(protocol.editedMessage).message)?.mentionedJid ?? []
    return {
      change: { _tag: "Edit", text: edited.content || null, mentions },
      key: protocol.key,
      at: millis(protocol.timestampMs)
    }
  }
  if (reaction?.key) {
    return { change: { _tag: "Reaction", emoji: reaction.text || null }, key: reaction.key, at: millis(reaction.senderTimestampMs) }
  }
  if (vote?.pollCreationMessageKey && vote.vote?.encPayload && vote.vote.encIv) {
    return {
      change: { _tag: "Vote", payload: vote.vote.encPayload, iv: vote.vote.encIv, voters: [], creators: [] },
      key: vote.pollCreationMessageKey,
      at: millis(vote.senderTimestampMs)
    }
  }
  return undefined
}

interface Recognised {
  readonly messageType: MessageType
  readonly content: string | null | undefined
  readonly metadata?: Loose<MessageMetadata>
  readonly secrets?: MessageSecrets
}

const recognise = (m: IMessage): Recognised | undefined => {
  if (m.protocolMessage) return undefined
  if (m.conversation) return { messageType: "text", content: m.conversation }
  if (m.extendedTextMessage) {
    const { description, matchedText, text, title } = m.extendedTextMessage
    const preview = matchedText ? { url: matchedText, ...some({ title, description }) } : undefined
    return { messageType: "text", content: text, metadata: { preview } }
  }
  const media = describeMedia(m)
  if (media) return media
  const location = m.locationMessage ?? m.liveLocationMessage
  if (location) {
    const [latitude, longitude] = [finite(location.degreesLatitude), finite(location.degreesLongitude)]
    const { address, name } = m.locationMessage ?? {}
    const live = m.liveLocationMessage ? true : undefined
    return {
      messageType: "location",
      content: [name, address].filter(Boolean).join(", ") || m.liveLocationMessage?.caption || `${latitude},${longitude}`,
      metadata: { location: { latitude, longitude, ...some({ name, address, live }) } }
    }
  }
  const cards = m.contactMessage ? [m.contactMessage] : m.contactsArrayMessage?.contacts
  if (cards) {
    return {
      messageType: "contact",
      content: m.contactsArrayMessage?.displayName || cards.map((card) => card.displayName).join(", "),
      metadata: { contacts: cards.map(({ displayName, vcard }) => ({ name: displayName ?? "", vcard: vcard ?? "" })) }
    }
  }
  const poll = m.pollCreationMessage ?? m.pollCreationMessageV2 ?? m.pollCreationMessageV3 ?? m.pollCreationMessageV5
  if (poll) {
    const secret = m.messageContextInfo?.messageSecret
    return {
      messageType: "poll",
      content: poll.name,
      metadata: {
        poll: {
          options: (poll.options ?? []).map(({ optionName }) => optionName ?? ""),
          selectable: poll.selectableOptionsCount ?? 0
        }
      },
      ...(secret?.length && { secrets: { messageSecret: secret } })
    }
  }
  const choice = m.buttonsResponseMessage?.selectedDisplayText ?? m.templateButtonReplyMessage?.selectedDisplayText ??
    m.listResponseMessage?.title ?? m.interactiveResponseMessage?.body?.text
  if (choice) return { messageType: "text", content: choice, metadata: { choice: true } }
  return undefined
}

/** The words of kinds that are known by name alone, such as what businesses send with buttons. */
const foreignText = (m: IMessage): string | null =>
  m.buttonsMessage?.contentText || m.listMessage?.description || m.templateMessage?.hydratedTemplate?.hydratedContentText ||
  m.interactiveMessage?.body?.text || m.groupInviteMessage?.caption || m.eventMessage?.name || null

const toldByContext = (message: IMessage): Loose<MessageMetadata> => {
  const context = contextOf(message)
  if (context === undefined) return {}
  return {
    quoted: context.stanzaId,
    quotedParticipant: context.stanzaId ? context.participant : undefined,
    mentions: context.mentionedJid?.length ? context.mentionedJid : undefined,
    forwarded: context.isForwarded || undefined,
    expiresIn: context.expiration || undefined
  }
}

const compact = (loose: Loose<MessageMetadata>): MessageMetadata | null => {
  const metadata = some(loose)
  return Object.keys(metadata).length === 0 ? null : metadata
}

/** The wire knows numbers that JSON does not. */
const finite = (value: number | null | undefined): number => Number.isFinite(value) ? value! : 0

const millis = (value: unknown): number | undefined => {
  const at = value == null ? 0 : Number(String(value))
  return Number.isSafeInteger(at) && at > 0 ? at : undefined
}
