import { proto } from "./codec.ts"
import { generateKeys, sign, type SigningKeys, signingKeys } from "./keys.ts"

/** Which certificate chain a connection is shown; all but the first must be refused by a strict client. */
export type ChainKind = "genuine" | "foreign-root" | "bad-leaf" | "bad-intermediate" | "foreign-leaf-key"

const ROOT_SERIAL = 0
const INTERMEDIATE_SERIAL = 3
const LEAF_SERIAL = 355
const DAY = 86_400

const certificate = (serial: number, issuer: SigningKeys, issuerSerial: number, key: Uint8Array) => {
  const now = Math.floor(Date.now() / 1000)
  const details = proto.CertChain.NoiseCertificate.Details.encode({
    serial,
    issuerSerial,
    key,
    notBefore: now - DAY,
    notAfter: now + 365 * DAY
  }).finish()
  return { details, signature: sign(issuer, details) }
}

const flipped = (signature: Buffer): Buffer => {
  const copy = Buffer.from(signature)
  copy[10] = (copy[10] ?? 0) ^ 1
  return copy
}

/** Root, intermediate and leaf as WhatsApp's: the leaf's key is the server's Noise key, the issuer's serial is 0. */
export class Certificates {
  readonly noiseKeys = generateKeys()
  readonly root: SigningKeys
  readonly #chains = new Map<ChainKind, Buffer>()

  constructor(root: SigningKeys = signingKeys()) {
    this.root = root
  }

  chain(kind: ChainKind): Buffer {
    let chain = this.#chains.get(kind)
    if (!chain) this.#chains.set(kind, chain = this.#build(kind))
    return chain
  }

  #build(kind: ChainKind): Buffer {
    const issuer = signingKeys()
    const root = kind === "foreign-root" ? signingKeys() : this.root
    const leafKey = kind === "foreign-leaf-key" ? generateKeys().publicKey : this.noiseKeys.publicKey
    const leaf = certificate(LEAF_SERIAL, issuer, INTERMEDIATE_SERIAL, leafKey)
    const intermediate = certificate(INTERMEDIATE_SERIAL, root, ROOT_SERIAL, issuer.publicKey)
    if (kind === "bad-leaf") leaf.signature = flipped(leaf.signature)
    if (kind === "bad-intermediate") intermediate.signature = flipped(intermediate.signature)
    return Buffer.from(proto.CertChain.encode({ leaf, intermediate }).finish())
  }
}
