import type { proto } from "@whiskeysockets/baileys"

type IMessage = proto.IMessage

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
  "editedMessage",
  "pollCreationMessageV4"
] as const
const depthLimit = 16

/** The message inside its envelopes, and what these said of it. */
export const unwrap = (
  message: IMessage
): { readonly message: IMessage; readonly viewOnce: boolean; readonly ephemeral: boolean } => {
  let inner = message
  let viewOnce = false
  let ephemeral = false
  for (let depth = 0; depth < depthLimit; depth++) {
    const wrapper = wrappers.find((name) => inner[name]?.message)
    if (wrapper === undefined) break
    viewOnce ||= wrapper.startsWith("viewOnce")
    ephemeral ||= wrapper === "ephemeralMessage"
    inner = inner[wrapper]!.message!
  }
  return { message: inner, viewOnce, ephemeral }
}

/** The part of a message that has a context (what it answers, whom it mentions), if it has one. */
export const contextOf = (message: IMessage): proto.IContextInfo | undefined => {
  for (const part of Object.values(message)) {
    const context: proto.IContextInfo | null | undefined = typeof part === "object" && part !== null && "contextInfo" in part
      ? part.contextInfo
      : undefined
    if (context) return context
  }
  return undefined
}
