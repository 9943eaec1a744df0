import { type BinaryNode, proto, unpadRandomMax16 } from "@whiskeysockets/baileys"
import { Schema } from "effect"
import { createHash } from "node:crypto"
import type { JournalKind } from "../auth/AuthRows.ts"
import { classify } from "./MessageContent.ts"

/** What is written of a stanza: enough to read it again later, even with a better reader. */
export const JournalRecord = Schema.Struct({
  kind: Schema.Literal("message", "internal", "history", "receipt", "undecryptable", "group"),
  attrs: Schema.Record({ key: Schema.String, value: Schema.String }),
  me: Schema.Struct({ id: Schema.String, lid: Schema.NullOr(Schema.String) }),
  /** the decrypted bytes with their padding, base64; of a group's notification the whole stanza */
  plaintext: Schema.optional(Schema.String),
  /** receipts: all message ids */
  ids: Schema.optional(Schema.Array(Schema.String)),
  /** undecryptable: why */
  reason: Schema.optional(Schema.String)
})
export type JournalRecord = typeof JournalRecord.Type

const encode = Schema.encodeSync(Schema.parseJson(JournalRecord))
export const decodeJournalRecord = Schema.decode(Schema.parseJson(JournalRecord))

export const encodeRecord = (record: JournalRecord) => ({ kind: record.kind, value: Buffer.from(encode(record)) })

export const plaintextOf = (value: Uint8Array): Uint8Array => {
  // cleared after its projection: an empty message with one byte of padding is acknowledged and shows nowhere
  if (value.length === 0) return Buffer.from([1])
  const { plaintext } = Schema.decodeUnknownSync(Schema.parseJson(JournalRecord))(Buffer.from(value).toString())
  return Buffer.from(plaintext ?? "AQ==", "base64")
}

const digest = (...parts: ReadonlyArray<string | Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest("hex")
}

const sender = ({ attrs }: BinaryNode) => `${attrs["from"]}|${attrs["participant"] ?? ""}`
export const ciphertextDigest = (stanza: BinaryNode, ciphertext: Uint8Array) =>
  digest("message", ciphertext, stanza.attrs["id"] ?? "", sender(stanza))
export const undecryptableDigest = (stanza: BinaryNode) => digest("undecryptable", stanza.attrs["id"] ?? "", sender(stanza))
export const receiptDigest = (stanza: BinaryNode, ids: ReadonlyArray<string>) =>
  digest("receipt", sender(stanza), stanza.attrs["type"] ?? "", stanza.attrs["t"] ?? "", ...ids)
/** Administrators may do the same twice, within one second too: each time under another id. */
export const groupDigest = (stanza: BinaryNode) => digest("group", stanza.attrs["id"] ?? "", sender(stanza), stanza.attrs["t"] ?? "")

/**
 * Messages that people see lose their plaintext once projected. The others keep it: Baileys works on them after the
 * acknowledgement, and needs them again if the process dies in between. What points to the phone's history waits until that
 * is stored: Baileys forgets it as soon as the phone has been thanked for it, and the phone does not offer it twice.
 */
export const kindOf = (plaintext: Uint8Array): JournalKind => {
  try {
    const message = proto.Message.decode(unpadRandomMax16(plaintext))
    if (message.protocolMessage?.historySyncNotification) return "history"
    return "internal" in classify(message) || message.senderKeyDistributionMessage ? "internal" : "message"
  } catch {
    return "message"
  }
}
