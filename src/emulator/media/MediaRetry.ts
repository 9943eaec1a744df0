import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import type { Companion } from "../Companion.ts"
import type { Hub } from "../Hub.ts"
import { type Node, proto } from "../protocol/codec.ts"
import { hkdf } from "../protocol/keys.ts"
import { bytesOf, child, node } from "../protocol/node.ts"
import type { Media } from "./Media.ts"
import { mediaOf } from "./mediaOf.ts"

const { ResultType } = proto.MediaRetryNotification
const TAG_LENGTH = 16

const keyOf = (mediaKey: Buffer): Buffer => hkdf(mediaKey, Buffer.alloc(32), "WhatsApp Media Retry Notification", 32)

const sealFor = (id: string, mediaKey: Buffer, plaintext: Uint8Array) => {
  const iv = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", keyOf(mediaKey), iv).setAAD(Buffer.from(id))
  return { iv, ciphertext: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]) }
}

/** Whether the request was written by one who has the media key. */
const isGenuine = (id: string, mediaKey: Buffer, request: Node | undefined): boolean => {
  const [sealed, iv] = [bytesOf(child(request, "enc_p")), bytesOf(child(request, "enc_iv"))]
  if (!sealed || !iv) return false
  const decipher = createDecipheriv("aes-256-gcm", keyOf(mediaKey), iv, { authTagLength: TAG_LENGTH })
  decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(-TAG_LENGTH))
  try {
    const opened = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_LENGTH)), decipher.final()])
    return proto.ServerErrorReceipt.decode(opened).stanzaId === id
  } catch {
    return false
  }
}

/** A linked device cannot fetch a medium any more: its phone, which has it, uploads it again. */
export class MediaRetry {
  readonly #hub: Hub
  readonly #media: Media

  constructor(hub: Hub, media: Media) {
    this.#hub = hub
    this.#media = media
  }

  /** A receipt of the type `server-error`. */
  asked(companion: Companion, receipt: Node): void {
    const { id = "" } = receipt.attrs
    const { primary } = companion.account
    const { reuploads } = primary
    if (reuploads === "never") return
    const shown = reuploads === "yes" ? primary.inbox.entries.findLast((each) => each.id === id) : undefined
    const message = shown?.message ?? (reuploads === "yes" ? primary.sent.get(id)?.message : undefined)
    const medium = message && mediaOf(message)
    const renewed = medium && this.#media.store.renew(medium.directPath)
    if (!medium || !renewed) return this.#answer(companion, receipt, ResultType.NOT_FOUND)
    const { mediaKey } = medium.facts
    if (!isGenuine(id, mediaKey, child(receipt, "encrypt"))) {
      return this.#answer(companion, receipt, ResultType.DECRYPTION_ERROR)
    }
    const { directPath } = renewed
    const result = { stanzaId: id, directPath, result: ResultType.SUCCESS }
    const { ciphertext, iv } = sealFor(id, mediaKey, proto.MediaRetryNotification.encode(result).finish())
    this.#hub.stats.add("reuploads")
    this.#notify(companion, receipt, node("encrypt", {}, [node("enc_p", {}, ciphertext), node("enc_iv", {}, iv)]))
  }

  #answer(companion: Companion, receipt: Node, result: number): void {
    this.#notify(companion, receipt, node("error", { code: String(result) }))
  }

  #notify(companion: Companion, receipt: Node, content: Node): void {
    const { id } = receipt.attrs
    const attrs = { from: companion.account.jid(), type: "mediaretry", id, t: this.#hub.seconds() }
    const asked = child(receipt, "rmr")
    companion.deliver(node("notification", attrs, [content, ...(asked ? [asked] : [])]))
  }
}
