import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto"
import { agree, generateKeys, hkdf, hmac, type KeyPair, typed } from "../protocol/keys.ts"
import { SignalError } from "./SignalError.ts"
import { decodeWhisper, encodeWhisper, splitMac, type WhisperMessage } from "./wire.ts"

const ZEROS = Buffer.alloc(32)
const ONE = Buffer.from([1])
const TWO = Buffer.from([2])
const MAX_CHAINS = 5
const MAX_SKIP = 2000

interface Chain {
  key: Buffer
  /** The counter of the next message. */
  next: number
  readonly skipped: Map<number, Buffer>
}

const chainOf = (key: Buffer): Chain => ({ key, next: 0, skipped: new Map() })

const messageKeys = (seed: Buffer) => {
  const derived = hkdf(seed, ZEROS, "WhisperMessageKeys", 80)
  return { cipher: derived.subarray(0, 32), mac: derived.subarray(32, 64), iv: derived.subarray(64) }
}

const step = (root: Buffer, secret: Buffer): readonly [root: Buffer, chain: Chain] => {
  const derived = hkdf(secret, root, "WhisperRatchet", 64)
  return [derived.subarray(0, 32), chainOf(derived.subarray(32))]
}

/** The double ratchet of one session. A message that fails leaves no trace in it. */
export class Ratchet {
  readonly #ourIdentity: Buffer
  readonly #theirIdentity: Buffer
  #root: Buffer
  #ours: KeyPair
  #theirs: Buffer
  #sending: Chain | undefined
  #previousCounter = 0
  readonly #receiving = new Map<string, Chain>()

  /** `theirs` is the key the first sending chain is agreed with: undefined for the side that answers. */
  constructor(options: {
    readonly root: Buffer
    readonly ourIdentity: Buffer
    readonly theirIdentity: Buffer
    readonly ours: KeyPair
    readonly theirs: Buffer
    readonly initiator: boolean
  }) {
    this.#root = options.root
    this.#ourIdentity = options.ourIdentity
    this.#theirIdentity = options.theirIdentity
    this.#ours = options.ours
    this.#theirs = options.theirs
    if (options.initiator) {
      const [root, chain] = step(this.#root, agree(this.#ours, this.#theirs))
      this.#root = root
      this.#sending = chain
    }
  }

  encrypt(plaintext: Uint8Array): Buffer {
    const chain = this.#sendingChain()
    const keys = messageKeys(hmac(chain.key, ONE))
    chain.key = hmac(chain.key, TWO)
    const counter = chain.next++
    const cipher = createCipheriv("aes-256-cbc", createSecretKey(keys.cipher), keys.iv)
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
    const ratchetKey = typed(this.#ours.publicKey)
    const body = encodeWhisper({ ratchetKey, counter, previousCounter: this.#previousCounter, ciphertext })
    return Buffer.concat([body, hmac(keys.mac, this.#ourIdentity, this.#theirIdentity, body).subarray(0, 8)])
  }

  decrypt(data: Buffer): Buffer {
    const { body, mac } = splitMac(data)
    const message = decodeWhisper(body)
    const id = message.ratchetKey.toString("base64")
    const known = this.#receiving.get(id)
    const [root, chain] = known ? [this.#root, known] : step(this.#root, agree(this.#ours, message.ratchetKey))
    const { seed, skipped, key } = this.#seed(chain, message.counter)
    const keys = messageKeys(seed)
    if (!hmac(keys.mac, this.#theirIdentity, this.#ourIdentity, body).subarray(0, 8).equals(mac)) {
      throw new SignalError("bad-mac")
    }
    const decipher = createDecipheriv("aes-256-cbc", createSecretKey(keys.cipher), keys.iv)
    const plaintext = Buffer.concat([decipher.update(message.ciphertext), decipher.final()])
    if (!known) this.#turn(message, root, id, chain)
    chain.skipped.delete(message.counter)
    for (const [counter, each] of skipped) chain.skipped.set(counter, each)
    for (const oldest of chain.skipped.keys()) {
      if (chain.skipped.size <= MAX_SKIP) break
      chain.skipped.delete(oldest)
    }
    if (key) {
      chain.key = key
      chain.next = message.counter + 1
    }
    return plaintext
  }

  /** The message key for a counter, and what the chain becomes if the message proves genuine. */
  #seed(chain: Chain, counter: number) {
    if (counter < chain.next) {
      const seed = chain.skipped.get(counter)
      if (!seed) throw new SignalError("old-counter", `counter ${counter} was used already`)
      return { seed, skipped: [], key: undefined }
    }
    if (counter - chain.next > MAX_SKIP) throw new SignalError("too-far")
    const skipped: Array<readonly [number, Buffer]> = []
    let key = chain.key
    for (let each = chain.next; each < counter; each++) {
      skipped.push([each, hmac(key, ONE)])
      key = hmac(key, TWO)
    }
    return { seed: hmac(key, ONE), skipped, key: hmac(key, TWO) }
  }

  /** Their new ratchet key: keys of the old chain that may still come are kept, our own next chain waits for use. */
  #turn(message: WhisperMessage, root: Buffer, id: string, chain: Chain): void {
    const old = this.#receiving.get(this.#theirs.toString("base64"))
    if (old && message.previousCounter >= old.next && message.previousCounter - old.next <= MAX_SKIP) {
      for (; old.next <= message.previousCounter; old.next++) {
        old.skipped.set(old.next, hmac(old.key, ONE))
        old.key = hmac(old.key, TWO)
      }
    }
    this.#root = root
    this.#theirs = message.ratchetKey
    this.#receiving.set(id, chain)
    if (this.#receiving.size > MAX_CHAINS) {
      const oldest = this.#receiving.keys().next().value
      if (oldest !== undefined) this.#receiving.delete(oldest)
    }
    // Our chain before this turn ends here; a new one is made when there is something to say.
    if (this.#sending) this.#previousCounter = Math.max(0, this.#sending.next - 1)
    this.#sending = undefined
  }

  #sendingChain(): Chain {
    if (this.#sending) return this.#sending
    this.#ours = generateKeys()
    const [root, chain] = step(this.#root, agree(this.#ours, this.#theirs))
    this.#root = root
    return this.#sending = chain
  }
}
