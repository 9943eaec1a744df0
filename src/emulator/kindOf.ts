import type { proto } from "./protocol/codec.ts"

/** The `type` of a message stanza. */
export const kindOf = (message: proto.IMessage): string => {
  if (message.reactionMessage) return "reaction"
  if (message.pollCreationMessage ?? message.pollCreationMessageV3 ?? message.pollUpdateMessage) return "poll"
  const media = message.imageMessage ?? message.videoMessage ?? message.audioMessage ?? message.documentMessage ??
    message.stickerMessage ?? message.contactMessage ?? message.locationMessage
  return media ? "media" : "text"
}
