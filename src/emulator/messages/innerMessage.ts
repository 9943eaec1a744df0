import type { proto } from "../protocol/codec.ts"

/** The message inside of those that only say how to treat it. */
export const innerMessage = (message: proto.IMessage): proto.IMessage => {
  const inner = message.ephemeralMessage ?? message.viewOnceMessage ?? message.viewOnceMessageV2 ??
    message.viewOnceMessageV2Extension ?? message.documentWithCaptionMessage ?? message.editedMessage ??
    message.groupMentionedMessage
  return inner?.message ? innerMessage(inner.message) : message
}
