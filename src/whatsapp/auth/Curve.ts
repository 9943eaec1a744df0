import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys"
import { createPublicKey, verify } from "node:crypto"

const p = 2n ** 255n - 19n
const spki = Buffer.from("302a300506032b6570032100", "hex")

/**
 * Checks an XEdDSA signature as Signal makes it: an Ed25519 signature by the Edwards form of a Curve25519 key, whose sign
 * bit travels in the last byte of the signature. `publicKey` has 32 bytes, or 33 with the type byte 5 in front.
 */
export const verifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const montgomery = publicKey.length === 33 && publicKey[0] === 5 ? publicKey.subarray(1) : publicKey
  if (montgomery.length !== 32 || signature.length !== 64) return false
  const edwards = edwardsOf(montgomery)
  edwards[31] = edwards[31]! | (signature[63]! & 0x80)
  const plain = Buffer.from(signature)
  plain[63] = plain[63]! & 0x7f
  try {
    const key = createPublicKey({ key: Buffer.concat([spki, edwards]), format: "der", type: "spki" })
    return verify(null, message, key, plain)
  } catch {
    return false
  }
}

let installed = false
let anyRoot = false

/**
 * Makes Baileys check what it claims to check: its own `Curve.verify` forgets libsignal's answer, so that every well-formed
 * signature passes. It reads this object each time, so the certificate chain and the account signature are covered. And it
 * never compares the key in the leaf certificate with the one the server used: anyone may show a chain that is public.
 */
export const installStrictSignatures = (): void => {
  if (installed) return
  installed = true
  const agree = Curve.sharedKey
  // the handshake does these three in one go: agree with the server's static key, verify the leaf, verify by the root
  let agreedWith: Uint8Array = new Uint8Array(0)
  let verifiedLast: Uint8Array = new Uint8Array(0)
  Curve.sharedKey = (privateKey, publicKey) => {
    agreedWith = publicKey
    return agree(privateKey, publicKey)
  }
  Curve.verify = (publicKey, message, signature) => {
    const leaf = verifiedLast
    verifiedLast = message
    if (anyRoot && certifiedKey(message).length === 32) return true
    return verifySignature(publicKey, message, signature) &&
      (publicKey !== WA_CERT_DETAILS.PUBLIC_KEY || Buffer.from(certifiedKey(leaf)).equals(agreedWith))
  }
}

/** The key in a certificate; nothing if these are the bytes of something else that is signed. */
const certifiedKey = (details: Uint8Array): Uint8Array => {
  try {
    return proto.CertChain.NoiseCertificate.Details.decode(details).key ?? new Uint8Array(0)
  } catch {
    return new Uint8Array(0)
  }
}

/** WhatsApp's own root. */
export const whatsAppRoot = Buffer.from(WA_CERT_DETAILS.PUBLIC_KEY)

/**
 * Takes any certificate chain, for the whole process: for a server that signs with a root nobody knows, as mock servers do.
 * What phones sign is still checked.
 */
export const trustAnyRoot = (): void => {
  anyRoot = true
}

/** The root that the server's certificate chain must lead to, for the whole process. */
export const trustNoiseRoot = (publicKey: Uint8Array): void => {
  anyRoot = false
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(publicKey.length === 33 ? publicKey.subarray(1) : publicKey)
}

// birational map: y = (u - 1) / (u + 1) mod p
const edwardsOf = (montgomery: Uint8Array): Buffer => {
  const u = BigInt(`0x${Buffer.from(montgomery.toReversed()).toString("hex")}`) & (2n ** 255n - 1n)
  const y = (((u - 1n + p) % p) * power((u + 1n) % p, p - 2n)) % p
  return Buffer.from(Buffer.from(y.toString(16).padStart(64, "0"), "hex").toReversed())
}

const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % p) if (e & 1n) result = (result * b) % p
  return result
}
