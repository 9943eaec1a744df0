import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, timingSafeEqual } from "node:crypto"
import type { MediaKind } from "../../domain/Media.ts"

type Bytes = AsyncIterable<Uint8Array>

/** As WhatsApp derives the keys of each kind (whatsapp-media; `MEDIA_HKDF_KEY_MAPPING` in Baileys). */
const names: Readonly<Record<MediaKind, string>> = {
  image: "Image", video: "Video", audio: "Audio", voice: "Audio", document: "Document", sticker: "Image"
}
const macLength = 10
const block = 16

/** The bytes are not those that the message speaks of. */
export class MediaDamaged extends Error {
  override readonly name = "MediaDamaged"
}

const keysOf = (mediaKey: Uint8Array, kind: MediaKind) => {
  const keys = Buffer.from(hkdfSync("sha256", mediaKey, Buffer.alloc(32), `WhatsApp ${names[kind]} Keys`, 112))
  return { iv: keys.subarray(0, 16), cipher: keys.subarray(16, 48), mac: keys.subarray(48, 80) }
}

/** How long a file of this length is once it is sealed. */
export const sealedLength = (length: number): number => (Math.floor(length / block) + 1) * block + macLength

/** AES-256-CBC with the first bytes of an HMAC after it. The same key and bytes always give the same. */
export async function* seal(source: Bytes, kind: MediaKind, mediaKey: Uint8Array): AsyncGenerator<Buffer> {
  const { cipher, iv, mac } = keysOf(mediaKey, kind)
  const encryption = createCipheriv("aes-256-cbc", cipher, iv)
  const authentication = createHmac("sha256", mac).update(iv)
  for await (const piece of source) {
    const sealed = encryption.update(piece)
    authentication.update(sealed)
    yield sealed
  }
  const last = encryption.final()
  authentication.update(last)
  yield Buffer.concat([last, authentication.digest().subarray(0, macLength)])
}

export interface Seal {
  readonly fileSha256: Uint8Array
  readonly fileEncSha256: Uint8Array
  readonly fileLength: number
}

/** What a message says of a file that it seals. Nothing is kept: sealing it once more costs less than a second file would. */
export const sealOf = async (source: Bytes, kind: MediaKind, mediaKey: Uint8Array): Promise<Seal> => {
  const plain = createHash("sha256")
  const sealed = createHash("sha256")
  let fileLength = 0
  async function* counted() {
    for await (const piece of source) {
      plain.update(piece)
      fileLength += piece.length
      yield piece
    }
  }
  for await (const piece of seal(counted(), kind, mediaKey)) sealed.update(piece)
  return { fileSha256: plain.digest(), fileEncSha256: sealed.digest(), fileLength }
}

/**
 * The file in the clear, piece by piece; throws {@link MediaDamaged} at the end if it was not what was sealed, so nothing of
 * it counts before that. The hashes are checked as far as the message told them.
 */
export async function* unseal(
  source: Bytes,
  kind: MediaKind,
  expected: { readonly mediaKey: Uint8Array; readonly fileSha256?: Uint8Array | undefined; readonly fileEncSha256?: Uint8Array | undefined }
): AsyncGenerator<Buffer> {
  const { cipher, iv, mac } = keysOf(expected.mediaKey, kind)
  const decryption = createDecipheriv("aes-256-cbc", cipher, iv)
  const authentication = createHmac("sha256", mac).update(iv)
  const [sealed, plain] = [createHash("sha256"), createHash("sha256")]
  let held = Buffer.alloc(0)
  const opened = (piece: Buffer) => {
    plain.update(piece)
    return piece
  }
  for await (const piece of source) {
    sealed.update(piece)
    const all = Buffer.concat([held, piece])
    const body = all.subarray(0, Math.max(0, all.length - macLength))
    held = all.subarray(body.length)
    authentication.update(body)
    yield opened(decryption.update(body))
  }
  if (!isSame(sealed.digest(), expected.fileEncSha256)) throw new MediaDamaged("what came is not what was sealed")
  if (!isSame(authentication.digest().subarray(0, macLength), held)) throw new MediaDamaged("the MAC is wrong")
  yield opened(last(decryption))
  if (!isSame(plain.digest(), expected.fileSha256)) throw new MediaDamaged("the file is not the one of the message")
}

const isSame = (found: Buffer, expected: Uint8Array | undefined): boolean =>
  expected === undefined || expected.length === 0 || (found.length === expected.length && timingSafeEqual(found, expected))

const last = (decryption: ReturnType<typeof createDecipheriv>): Buffer => {
  try {
    return decryption.final()
  } catch (cause) {
    throw new MediaDamaged("its padding is wrong", { cause })
  }
}
