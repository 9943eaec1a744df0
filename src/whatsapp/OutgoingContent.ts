import { proto } from "@whiskeysockets/baileys"
import { randomBytes } from "node:crypto"

/**
 * The protobuf `Message` of a plain text. It carries a fresh secret, as WhatsApp's clients make it: store the bytes and
 * send the same ones at every attempt.
 */
export const encodeText = (text: string): Uint8Array =>
  proto.Message.encode({
    extendedTextMessage: { text },
    messageContextInfo: { messageSecret: randomBytes(32) }
  }).finish()
