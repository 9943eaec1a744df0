import { createCipheriv, createHash, randomBytes } from "node:crypto"
import { proto } from "../protocol/codec.ts"
import { hkdf } from "../protocol/keys.ts"

const { Type } = proto.Message.ProtocolMessage

type Key = proto.IMessageKey

/** Text that answers a message, mentions people, or was passed on. */
export const extendedText = (text: string, contextInfo: proto.IContextInfo): proto.IMessage => ({
  extendedTextMessage: { text, contextInfo }
})

/** An empty reaction takes back the one before. */
export const reaction = (key: Key, emoji: string): proto.IMessage => ({
  reactionMessage: { key, text: emoji, senderTimestampMs: Date.now() }
})

export const edit = (key: Key, text: string): proto.IMessage => ({
  editedMessage: {
    message: {
      protocolMessage: { key, type: Type.MESSAGE_EDIT, editedMessage: { conversation: text }, timestampMs: Date.now() }
    }
  }
})

export const revocation = (key: Key): proto.IMessage => ({ protocolMessage: { key, type: Type.REVOKE } })

export const poll = (name: string, options: ReadonlyArray<string>, selectable = 1): proto.IMessage => ({
  pollCreationMessageV3: {
    name,
    options: options.map((optionName) => ({ optionName })),
    selectableOptionsCount: selectable
  },
  messageContextInfo: { messageSecret: randomBytes(32) }
})

export const vcard = (name: string, phone: string): string =>
  ["BEGIN:VCARD", "VERSION:3.0", `N:;${name};;;`, `FN:${name}`, `TEL;type=CELL;waid=${phone}:+${phone}`, "END:VCARD"]
    .join("\n")

export const contact = (name: string, phone: string): proto.IMessage => ({
  contactMessage: { displayName: name, vcard: vcard(name, phone) }
})

export const location = (latitude: number, longitude: number, name?: string): proto.IMessage => ({
  locationMessage: {
    degreesLatitude: latitude,
    degreesLongitude: longitude,
    ...(name === undefined ? {} : { name })
  }
})

export const disappearing = (message: proto.IMessage): proto.IMessage => ({ ephemeralMessage: { message } })

/** A vote is sealed with a secret of the poll, for the poll's author and the voter, by their addresses in the chat. */
export const vote = (
  key: Key,
  chosen: ReadonlyArray<string>,
  of: { readonly secret: Uint8Array; readonly creator: string; readonly voter: string }
): proto.IMessage => {
  const id = key.id ?? ""
  const sealing = hkdf(of.secret, Buffer.alloc(32), `${id}${of.creator}${of.voter}Poll Vote`, 32)
  const encIv = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", sealing, encIv).setAAD(Buffer.from(`${id}\0${of.voter}`))
  const selectedOptions = chosen.map((option) => createHash("sha256").update(option).digest())
  const plaintext = proto.Message.PollVoteMessage.encode({ selectedOptions }).finish()
  const encPayload = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  return { pollUpdateMessage: { pollCreationMessageKey: key, vote: { encPayload, encIv }, senderTimestampMs: Date.now() } }
}
