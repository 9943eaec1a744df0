import { proto } from "../protocol/codec.ts"
import { innerMessage } from "./innerMessage.ts"

const { Type } = proto.Message.ProtocolMessage

const mediaTypes: ReadonlyArray<readonly [keyof proto.IMessage, string]> = [
  ["imageMessage", "image"],
  ["videoMessage", "video"],
  ["audioMessage", "audio"],
  ["documentMessage", "document"],
  ["stickerMessage", "sticker"],
  ["contactMessage", "vcard"],
  ["contactsArrayMessage", "contact_array"],
  ["liveLocationMessage", "livelocation"],
  ["locationMessage", "location"],
  ["groupInviteMessage", "url"]
]

/** The `mediatype` of a ciphertext, if it carries one. */
export const mediaTypeOf = (message: proto.IMessage): string | undefined => {
  const inner = innerMessage(message)
  if (inner.audioMessage?.ptt) return "ptt"
  if (inner.videoMessage?.gifPlayback) return "gif"
  return mediaTypes.find(([name]) => inner[name])?.[1]
}

/** The `type` of a message stanza. */
export const stanzaType = (message: proto.IMessage): string => {
  const inner = innerMessage(message)
  if (inner.reactionMessage ?? inner.encReactionMessage) return "reaction"
  const { pollCreationMessage, pollCreationMessageV2, pollCreationMessageV3, pollUpdateMessage } = inner
  if (pollCreationMessage ?? pollCreationMessageV2 ?? pollCreationMessageV3 ?? pollUpdateMessage) return "poll"
  if (inner.eventMessage) return "event"
  return mediaTypeOf(message) === undefined ? "text" : "media"
}

/** The `edit` of a message stanza: what it does to an earlier message, by its own writer or by an admin. */
export const editAttribute = (message: proto.IMessage): string | undefined => {
  const { key, type } = innerMessage(message).protocolMessage ?? {}
  if (type === Type.MESSAGE_EDIT) return "1"
  if (type !== Type.REVOKE) return undefined
  return key?.fromMe === false ? "8" : "7"
}
