import { innerMessage } from "./messages/innerMessage.ts"
import type { proto } from "./protocol/codec.ts"

/** A message as an emulated device shows it. */
export interface Received {
  readonly id: string
  /** The jid of the other party: of the sender, or for one's own message of its recipient. */
  readonly chat: string
  /** The phone number of the account that wrote it, and the jid of the device. */
  readonly from: string
  readonly sender: string
  /** The phone number and device that received it. */
  readonly phone: string
  readonly device: number
  readonly text: string | undefined
  readonly message: proto.IMessage
  readonly at: Date
  /** Typed on another device of the same account. */
  readonly fromMe: boolean
  /** Set on what is not shown because a message with this id from the same sender and chat was. */
  readonly duplicateOf?: string
}

export const textOfMessage = (message: proto.IMessage): string | undefined => {
  const { conversation, documentMessage, extendedTextMessage, imageMessage, videoMessage } = innerMessage(message)
  return conversation ?? extendedTextMessage?.text ?? imageMessage?.caption ?? videoMessage?.caption ??
    documentMessage?.caption ?? undefined
}
