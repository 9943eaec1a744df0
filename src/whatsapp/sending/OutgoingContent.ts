import { proto } from "@whiskeysockets/baileys"
import { randomBytes } from "node:crypto"
import type { Jid } from "../../domain/Jid.ts"
import type { MediaContent, OutgoingContent, Quote, Source, Target } from "../../domain/OutgoingContent.ts"
import { vCard } from "../../domain/VCard.ts"
import type { FileParts } from "../Connection.ts"
import { contextOf, unwrap } from "../receiving/Envelopes.ts"

type IMessage = proto.IMessage

/**
 * The protobuf `Message` to send to `to`. It carries a fresh secret, as WhatsApp's clients make it: store the bytes and
 * send the same ones at every attempt.
 */
export const encodeContent = (content: Exclude<OutgoingContent, MediaContent>, to: Jid): Uint8Array =>
  proto.Message.encode(messageOf(content, to)).finish()

/** The same for a file, once it lies on WhatsApp's media server. */
export const encodeMedia = (content: MediaContent, parts: FileParts, to: Jid): Uint8Array =>
  proto.Message.encode({ ...mediaMessage(content, parts, to), ...secret() }).finish()

export const encodeText = (text: string): Uint8Array =>
  proto.Message.encode({ extendedTextMessage: { text }, ...secret() }).finish()

const messageOf = (content: Exclude<OutgoingContent, MediaContent>, to: Jid): IMessage => {
  switch (content._tag) {
    case "Text": {
      const { mentions, preview, quote, text } = content
      const shown = preview === null
        ? {}
        : { matchedText: preview.url, title: preview.title, description: preview.description, previewType: 0 }
      return { extendedTextMessage: { text, ...shown, ...context(quote, to, mentions) }, ...secret() }
    }
    case "Location": {
      const { address, latitude, longitude, name, quote } = content
      return {
        locationMessage: { degreesLatitude: latitude, degreesLongitude: longitude, name, address, ...context(quote, to) },
        ...secret()
      }
    }
    case "Contacts": {
      const cards = content.contacts.map((card) => ({ displayName: card.name, vcard: vCard(card) }))
      const [first, ...others] = cards
      const quoting = context(content.quote, to)
      return {
        ...(others.length === 0
          ? { contactMessage: { ...first, ...quoting } }
          : { contactsArrayMessage: { displayName: content.contacts.map(({ name }) => name).join(", "), contacts: cards, ...quoting } }),
        ...secret()
      }
    }
    case "Poll": {
      const { name, options, quote, selectable } = content
      const poll = {
        name,
        options: options.map((optionName) => ({ optionName })),
        selectableOptionsCount: selectable,
        ...context(quote, to)
      }
      // as WhatsApp's clients do: version 3 is for polls with one choice
      return { ...(selectable === 1 ? { pollCreationMessageV3: poll } : { pollCreationMessage: poll }), ...secret(content.secret) }
    }
    case "Forward":
      return { ...forwarded(content.source, content.forwarded), ...secret() }
    case "Reaction":
      return { reactionMessage: { key: keyOf(content.target, to), text: content.emoji ?? "", senderTimestampMs: content.at } }
    case "Edit":
      return {
        protocolMessage: {
          key: keyOf(content.target, to),
          type: proto.Message.ProtocolMessage.Type.MESSAGE_EDIT,
          editedMessage: { extendedTextMessage: { text: content.text, ...context(null, to, content.mentions) } },
          timestampMs: content.at
        }
      }
    case "Delete":
      return {
        protocolMessage: {
          key: keyOf(content.target, to),
          type: proto.Message.ProtocolMessage.Type.REVOKE,
          timestampMs: content.at
        }
      }
  }
}

const mediaMessage = (content: MediaContent, { preview, uploaded }: FileParts, to: Jid): IMessage => {
  const { caption, fileName, kind, mentions, mimetype, quote, seconds } = content
  const file = { ...uploaded, mimetype, ...context(quote, to, mentions) }
  const plays = seconds === null ? {} : { seconds }
  const size = preview === null ? {} : { width: preview.width, height: preview.height }
  switch (kind) {
    case "image":
      return { imageMessage: { ...file, caption, ...size, ...(preview !== null && { jpegThumbnail: preview.jpeg }) } }
    case "video":
      return { videoMessage: { ...file, caption, ...plays } }
    case "audio":
    case "voice":
      return { audioMessage: { ...file, ...plays, ptt: kind === "voice" } }
    case "sticker":
      return { stickerMessage: { ...file, ...size } }
    case "document": {
      const documentMessage = { ...file, caption, fileName: fileName ?? "file", title: fileName ?? "file" }
      // as WhatsApp's clients do: older ones would not show the caption
      return caption === null ? { documentMessage } : { documentWithCaptionMessage: { message: { documentMessage } } }
    }
  }
}

const secret = (messageSecret: Uint8Array = randomBytes(32)) => ({ messageContextInfo: { messageSecret } })

const keyOf = ({ fromMe, messageId, participant }: Target, to: Jid): proto.IMessageKey => ({
  remoteJid: to,
  fromMe,
  id: messageId,
  ...(participant !== null && { participant })
})

const context = (quote: Quote | null, to: Jid, mentions: ReadonlyArray<Jid> = []) => {
  if (quote === null && mentions.length === 0) return {}
  const contextInfo: proto.IContextInfo = {
    ...(mentions.length > 0 && { mentionedJid: [...mentions] }),
    ...(quote !== null && {
      stanzaId: quote.messageId,
      participant: quote.author ?? to,
      quotedMessage: withContext(existing(quote.source), undefined)
    })
  }
  return { contextInfo }
}

/** What was sent or received once, outside its envelopes and without what belongs to that sending alone. */
const existing = ({ payload, text }: Source): IMessage => {
  if (text !== null || payload === null) return { extendedTextMessage: { text: text ?? "" } }
  const { message } = unwrap(proto.Message.decode(payload))
  return Object.fromEntries(Object.entries(message).filter(([field]) => !accessories.has(field)))
}
const accessories = new Set(["messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage"])

const forwarded = (source: Source, marked: boolean): IMessage => {
  const message = existing(source)
  const score = (contextOf(message)?.forwardingScore ?? 0) + 1
  return withContext(message, marked ? { isForwarded: true, forwardingScore: score } : undefined)
}

/** The message with this context in place of the one it had. */
const withContext = (message: IMessage, contextInfo: proto.IContextInfo | undefined): IMessage =>
  Object.fromEntries(
    Object.entries(message).map(([field, part]: [string, unknown]) =>
      typeof part === "object" && part !== null
        ? [field, { ...part, contextInfo }]
        : contextInfo === undefined
        ? [field, part]
        // a bare text has no place for a context
        : ["extendedTextMessage", { text: part, contextInfo }]
    )
  )
