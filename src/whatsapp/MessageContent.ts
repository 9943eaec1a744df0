import { proto } from "@whiskeysockets/baileys"
import type { MessageType } from "../domain/Message.ts"

type IMessage = proto.IMessage
type Metadata = Record<string, unknown>

export interface Content {
  readonly messageType: MessageType
  readonly content: string | null
  readonly metadata: Metadata | null
}

/** Protocol traffic, named by the field that makes it so. */
export interface InternalContent {
  readonly internal: string
}

const wrappers = [
  "deviceSentMessage",
  "ephemeralMessage",
  "viewOnceMessage",
  "viewOnceMessageV2",
  "viewOnceMessageV2Extension",
  "documentWithCaptionMessage",
  "groupMentionedMessage",
  "botInvokeMessage",
  "lottieStickerMessage",
  "associatedChildMessage",
  "editedMessage"
] as const
const depthLimit = 16

/** The message inside its envelopes; `viewOnce` if one of them said so. */
export const unwrap = (message: IMessage): { readonly message: IMessage; readonly viewOnce: boolean } => {
  let inner = message
  let viewOnce = false
  for (let depth = 0; depth < depthLimit; depth++) {
    const wrapper = wrappers.find((name) => inner[name]?.message)
    if (wrapper === undefined) break
    viewOnce ||= wrapper.startsWith("viewOnce")
    inner = inner[wrapper]!.message!
  }
  return { message: inner, viewOnce }
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
export const classify = (wrapped: IMessage): Content | InternalContent => {
  const { message, viewOnce } = unwrap(wrapped)
  const known = recognise(message)
  if (known) {
    const metadata = clean({ ...known.metadata, ...contextOf(message), viewOnce: viewOnce || undefined })
    return { messageType: known.messageType, content: known.content || null, metadata }
  }
  const fields = Object.keys(message).filter((key) => Reflect.get(message, key) !== null && Reflect.get(message, key) !== undefined)
  const internal = internals.find((name) => fields.includes(name))
  const foreign = fields.find((name) => !internals.some((known) => known === name))
  if (message.protocolMessage || foreign === undefined) {
    const type = message.protocolMessage?.type
    return { internal: type == null ? (internal ?? "empty") : `protocolMessage.${proto.Message.ProtocolMessage.Type[type]}` }
  }
  return { messageType: "unknown", content: null, metadata: clean({ ...contextOf(message), field: foreign }) }
}

const recognise = (m: IMessage): { messageType: MessageType; content: string | null | undefined; metadata?: Metadata } | undefined => {
  if (m.protocolMessage) return undefined
  if (m.conversation) return { messageType: "text", content: m.conversation }
  if (m.extendedTextMessage) return { messageType: "text", content: m.extendedTextMessage.text }
  if (m.imageMessage) {
    const { caption, height, width } = m.imageMessage
    return { messageType: "image", content: caption, metadata: { ...file(m.imageMessage), width, height } }
  }
  const video = m.videoMessage ?? m.ptvMessage
  if (video) {
    const { caption, gifPlayback, height, seconds, width } = video
    return {
      messageType: "video",
      content: caption,
      metadata: { ...file(video), seconds, width, height, gif: gifPlayback || undefined, note: m.ptvMessage ? true : undefined }
    }
  }
  if (m.audioMessage) {
    const { ptt, seconds } = m.audioMessage
    return { messageType: "audio", content: null, metadata: { ...file(m.audioMessage), seconds, voice: ptt || undefined } }
  }
  if (m.documentMessage) {
    const { caption, fileName, pageCount, title } = m.documentMessage
    return {
      messageType: "document",
      content: caption || fileName || title,
      metadata: { ...file(m.documentMessage), fileName: fileName ?? title, pages: pageCount || undefined }
    }
  }
  if (m.stickerMessage) {
    return { messageType: "sticker", content: null, metadata: { ...file(m.stickerMessage), animated: m.stickerMessage.isAnimated || undefined } }
  }
  const location = m.locationMessage ?? m.liveLocationMessage
  if (location) {
    const { degreesLatitude: latitude, degreesLongitude: longitude } = location
    const { address, name } = m.locationMessage ?? {}
    return {
      messageType: "location",
      content: [name, address].filter(Boolean).join(", ") || m.liveLocationMessage?.caption || `${latitude},${longitude}`,
      metadata: { latitude, longitude, name, address, live: m.liveLocationMessage ? true : undefined }
    }
  }
  if (m.contactMessage) {
    const { displayName, vcard } = m.contactMessage
    return { messageType: "contact", content: displayName, metadata: { vcards: [vcard] } }
  }
  if (m.contactsArrayMessage) {
    const { contacts, displayName } = m.contactsArrayMessage
    return {
      messageType: "contact",
      content: displayName || (contacts ?? []).map((contact) => contact.displayName).join(", "),
      metadata: { vcards: (contacts ?? []).map((contact) => contact.vcard) }
    }
  }
  const poll = m.pollCreationMessage ?? m.pollCreationMessageV2 ?? m.pollCreationMessageV3
  if (poll) {
    return {
      messageType: "poll",
      content: poll.name,
      metadata: { options: (poll.options ?? []).map((option) => option.optionName), selectable: poll.selectableOptionsCount || undefined }
    }
  }
  if (m.reactionMessage) {
    const { key, text } = m.reactionMessage
    return {
      messageType: "reaction",
      content: text,
      metadata: { to: key?.id, toFromMe: key?.fromMe ?? false, removed: text ? undefined : true }
    }
  }
  const choice = m.buttonsResponseMessage?.selectedDisplayText ?? m.templateButtonReplyMessage?.selectedDisplayText ??
    m.listResponseMessage?.title ?? m.interactiveResponseMessage?.body?.text
  if (choice) return { messageType: "text", content: choice, metadata: { choice: true } }
  return undefined
}

interface Media {
  readonly mimetype?: string | null
  readonly fileLength?: unknown
}
const file = ({ fileLength, mimetype }: Media): Metadata => ({
  mimetype,
  size: fileLength == null ? undefined : Number(String(fileLength))
})

const contextOf = (message: IMessage): Metadata => {
  for (const part of Object.values(message)) {
    const context: proto.IContextInfo | undefined = typeof part === "object" && part !== null && "contextInfo" in part
      ? part.contextInfo
      : undefined
    if (!context) continue
    return {
      quoted: context.stanzaId,
      quotedParticipant: context.stanzaId ? context.participant : undefined,
      mentions: context.mentionedJid?.length ? context.mentionedJid : undefined,
      forwarded: context.isForwarded || undefined,
      expiresIn: context.expiration || undefined
    }
  }
  return {}
}

const clean = (metadata: Metadata): Metadata | null => {
  const entries = Object.entries(metadata).filter(([, value]) => value !== undefined && value !== null && value !== "")
  return entries.length === 0 ? null : Object.fromEntries(entries)
}
