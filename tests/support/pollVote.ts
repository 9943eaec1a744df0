import { createCipheriv, createHash, createHmac, randomBytes } from "node:crypto"

const hmac = (key: Uint8Array, data: Uint8Array) => createHmac("sha256", key).update(data).digest()

/** A vote as a phone encrypts it; `creator` and `voter` are the addresses by which it knows the two. */
export const encryptVote = (poll: { readonly id: string; readonly secret: Uint8Array; readonly creator: string }, voter: string, options: ReadonlyArray<string>) => {
  const base = hmac(new Uint8Array(32), poll.secret)
  const key = hmac(base, Buffer.concat([Buffer.from(`${poll.id}${poll.creator}${voter}Poll Vote`), Uint8Array.of(1)]))
  const iv = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(`${poll.id}\0${voter}`))
  const plain = Buffer.concat(options.flatMap((option) => [Uint8Array.of(0x0a, 32), createHash("sha256").update(option).digest()]))
  return { encPayload: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]), encIv: iv }
}
