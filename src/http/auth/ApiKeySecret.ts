import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

/** `wak_`, the public prefix, and 32 random bytes in base62. */
const shape = /^wak_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})$/
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const base62 = (bytes: Uint8Array, length: number): string => {
  let number = BigInt(`0x${Buffer.from(bytes).toString("hex")}`)
  let text = ""
  while (text.length < length) {
    text = alphabet[Number(number % 62n)] + text
    number /= 62n
  }
  return text
}

const hashOf = (secret: string) => createHash("sha256").update(secret).digest()

export interface ApiKeySecret {
  /** what its owner is shown, once */
  readonly key: string
  readonly prefix: string
  readonly secretHash: string
}

/** 2^256 possibilities: a plain hash is enough, where a password needs a slow one. */
export const newApiKeySecret = (): ApiKeySecret => {
  const prefix = base62(randomBytes(16), 12)
  const secret = base62(randomBytes(32), 43)
  return { key: `wak_${prefix}_${secret}`, prefix, secretHash: hashOf(secret).toString("hex") }
}

export const looksLikeApiKey = (text: string): boolean => text.startsWith("wak_")

export const readApiKey = (text: string): { readonly prefix: string; readonly secret: string } | undefined => {
  const match = shape.exec(text)
  return match === null ? undefined : { prefix: match[1]!, secret: match[2]! }
}

export const isSecretOf = (secretHash: string, secret: string): boolean =>
  timingSafeEqual(Buffer.from(secretHash, "hex"), hashOf(secret))
