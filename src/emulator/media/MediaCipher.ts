import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from "node:crypto"
import { hkdf } from "../protocol/keys.ts"
import { type MediaKind, mediaKinds } from "./MediaKind.ts"

const MAC_LENGTH = 10

type Bytes = AsyncIterable<Buffer>

/** What a message says of its medium, beside where it is. */
export interface MediaFacts {
  readonly mediaKey: Buffer
  readonly fileSha256: Buffer
  readonly fileEncSha256: Buffer
  readonly fileLength: number
}

const keysOf = (mediaKey: Uint8Array, kind: MediaKind) => {
  const keys = hkdf(mediaKey, Buffer.alloc(32), `WhatsApp ${mediaKinds[kind].info} Keys`, 112)
  return { iv: keys.subarray(0, 16), cipher: keys.subarray(16, 48), mac: keys.subarray(48, 80) }
}

/** Seals a medium piece by piece; what it was is known when the last piece has been taken. */
export class Sealing {
  readonly #kind: MediaKind
  readonly #mediaKey = randomBytes(32)
  readonly #plain = createHash("sha256")
  readonly #sealed = createHash("sha256")
  #length = 0

  constructor(kind: MediaKind) {
    this.#kind = kind
  }

  async *seal(source: Bytes): Bytes {
    const { cipher, iv, mac } = keysOf(this.#mediaKey, this.#kind)
    const encryption = createCipheriv("aes-256-cbc", cipher, iv)
    const authentication = createHmac("sha256", mac).update(iv)
    const out = (piece: Buffer): Buffer => {
      this.#sealed.update(piece)
      return piece
    }
    for await (const piece of source) {
      this.#plain.update(piece)
      this.#length += piece.length
      const encrypted = encryption.update(piece)
      authentication.update(encrypted)
      yield out(encrypted)
    }
    const last = encryption.final()
    authentication.update(last)
    yield out(last)
    yield out(authentication.digest().subarray(0, MAC_LENGTH))
  }

  facts(): MediaFacts {
    const [fileSha256, fileEncSha256] = [this.#plain.digest(), this.#sealed.digest()]
    return { mediaKey: this.#mediaKey, fileSha256, fileEncSha256, fileLength: this.#length }
  }
}

/** Opens a sealed medium; ends in an error if a byte of it is not what was sealed. */
export async function* unseal(source: Bytes, kind: MediaKind, facts: MediaFacts): Bytes {
  const { cipher, iv, mac } = keysOf(facts.mediaKey, kind)
  const decryption = createDecipheriv("aes-256-cbc", cipher, iv)
  const authentication = createHmac("sha256", mac).update(iv)
  const [sealed, plain] = [createHash("sha256"), createHash("sha256")]
  let held: Buffer = Buffer.alloc(0)
  let length = 0
  const opened = (piece: Buffer): Buffer => {
    plain.update(piece)
    length += piece.length
    return piece
  }
  for await (const piece of source) {
    sealed.update(piece)
    const all = Buffer.concat([held, piece])
    const body = all.subarray(0, Math.max(0, all.length - MAC_LENGTH))
    held = all.subarray(body.length)
    authentication.update(body)
    yield opened(decryption.update(body))
  }
  if (!sealed.digest().equals(facts.fileEncSha256)) throw new Error("the sealed medium is not the one of the message")
  if (!authentication.digest().subarray(0, MAC_LENGTH).equals(held)) throw new Error("the medium's MAC is wrong")
  yield opened(decryption.final())
  if (!plain.digest().equals(facts.fileSha256)) throw new Error("the medium is not the one of the message")
  if (length !== facts.fileLength) throw new Error(`the medium has ${length} bytes, not ${facts.fileLength}`)
}
