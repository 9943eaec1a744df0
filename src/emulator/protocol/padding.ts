import { randomInt } from "node:crypto"

/** Plaintexts end in 1–16 bytes that each say how many they are. */
export const pad = (plaintext: Uint8Array): Buffer => {
  const length = randomInt(1, 17)
  return Buffer.concat([plaintext, Buffer.alloc(length, length)])
}

export const unpad = (padded: Buffer): Buffer => {
  const length = padded.at(-1) ?? 0
  if (length === 0 || length > padded.length) throw new Error("bad padding")
  return padded.subarray(0, padded.length - length)
}
