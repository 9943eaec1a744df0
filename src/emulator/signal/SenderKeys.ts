import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, randomInt } from "node:crypto"
import { proto } from "../protocol/codec.ts"
import { hkdf, hmac, sign, type SigningKeys, signingKeys, typed, verifySignature } from "../protocol/keys.ts"
import { SignalError } from "./SignalError.ts"

const VERSION = Buffer.from([0x33])
const SIGNATURE_LENGTH = 64
const ONE = Buffer.from([1])
const TWO = Buffer.from([2])
const MAX_STATES = 5
const MAX_SKIP = 2000

interface OwnKey {
  readonly id: number
  readonly signing: SigningKeys
  chain: Buffer
  iteration: number
}

interface TheirKey {
  readonly id: number
  readonly signing: Buffer
  chain: Buffer
  iteration: number
  readonly skipped: Map<number, Buffer>
}

const messageKeys = (seed: Buffer) => {
  const derived = hkdf(seed, Buffer.alloc(32), "WhisperGroup", 48)
  return { iv: derived.subarray(0, 16), cipher: createSecretKey(derived.subarray(16)) }
}

const advance = (key: OwnKey | TheirKey): Buffer => {
  const seed = hmac(key.chain, ONE)
  key.chain = hmac(key.chain, TWO)
  key.iteration++
  return seed
}

/** One chain per group and device: whoever has been given its state can read what that device says from then on. */
export class SenderKeys {
  readonly #own = new Map<string, OwnKey>()
  readonly #theirs = new Map<string, Array<TheirKey>>()

  /** What other devices need to read this one from here on. */
  distribution(group: string): Buffer {
    const { chain: chainKey, id, iteration, signing } = this.#ownKey(group)
    const message = { id, iteration, chainKey, signingKey: typed(signing.publicKey) }
    return Buffer.concat([VERSION, proto.SenderKeyDistributionMessage.encode(message).finish()])
  }

  /** The next message is under a new key, which nobody has been given. */
  renew(group: string): void {
    this.#own.delete(group)
  }

  encrypt(group: string, plaintext: Uint8Array): Buffer {
    const key = this.#ownKey(group)
    const { id, iteration } = key
    const { cipher, iv } = messageKeys(advance(key))
    const encryption = createCipheriv("aes-256-cbc", cipher, iv)
    const ciphertext = Buffer.concat([encryption.update(plaintext), encryption.final()])
    const body = Buffer.concat([VERSION, proto.SenderKeyMessage.encode({ id, iteration, ciphertext }).finish()])
    return Buffer.concat([body, sign(key.signing, body)])
  }

  learn(group: string, peer: string, distribution: Uint8Array): void {
    const { chainKey, id, iteration, signingKey } = proto.SenderKeyDistributionMessage.decode(distribution.subarray(1))
    if (!chainKey || !signingKey) throw new SignalError("malformed", "a sender key without chain or signing key")
    const known = this.#theirs.get(`${group}|${peer}`) ?? []
    // The same chain from a later point: what we have of it reads everything that the later point does, and more.
    if (known.some((each) => each.id === (id ?? 0))) return
    const key: TheirKey = {
      id: id ?? 0,
      signing: Buffer.from(signingKey),
      chain: Buffer.from(chainKey),
      iteration: iteration ?? 0,
      skipped: new Map()
    }
    this.#theirs.set(`${group}|${peer}`, [key, ...known].slice(0, MAX_STATES))
  }

  forget(group: string, peer: string): void {
    this.#theirs.delete(`${group}|${peer}`)
  }

  decrypt(group: string, peer: string, data: Buffer): Buffer {
    const body = data.subarray(0, -SIGNATURE_LENGTH)
    const { ciphertext, id, iteration } = proto.SenderKeyMessage.decode(body.subarray(1))
    const key = this.#theirs.get(`${group}|${peer}`)?.find((each) => each.id === (id ?? 0))
    if (!key) throw new SignalError("no-session", `no sender key of ${peer} in ${group}`)
    if (!verifySignature(key.signing, body, data.subarray(-SIGNATURE_LENGTH))) throw new SignalError("bad-mac")
    const { cipher, iv } = messageKeys(this.#seed(key, iteration ?? 0))
    const decryption = createDecipheriv("aes-256-cbc", cipher, iv)
    return Buffer.concat([decryption.update(ciphertext ?? Buffer.alloc(0)), decryption.final()])
  }

  #seed(key: TheirKey, iteration: number): Buffer {
    if (iteration < key.iteration) {
      const seed = key.skipped.get(iteration)
      if (!seed) throw new SignalError("old-counter", `iteration ${iteration} was used already`)
      key.skipped.delete(iteration)
      return seed
    }
    if (iteration - key.iteration > MAX_SKIP) throw new SignalError("too-far")
    while (key.iteration < iteration) key.skipped.set(key.iteration, advance(key))
    return advance(key)
  }

  #ownKey(group: string): OwnKey {
    let key = this.#own.get(group)
    if (!key) {
      key = { id: randomInt(1, 2 ** 31), signing: signingKeys(), chain: randomBytes(32), iteration: 0 }
      this.#own.set(group, key)
    }
    return key
  }
}
