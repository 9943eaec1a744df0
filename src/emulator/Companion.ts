import type { Account } from "./Account.ts"
import type { Hub } from "./Hub.ts"
import { OfflineQueue } from "./OfflineQueue.ts"
import type { Node } from "./protocol/codec.ts"
import { SERVER_JID } from "./protocol/jid.ts"
import type { OneTimePreKey, PreKeyBundle, SignedPreKey } from "./signal/PreKeyBundle.ts"

/** The connection of a linked device, as far as the rest of the server needs it. */
export interface Stream {
  readonly id: number
  readonly open: boolean
  readonly send: (stanza: Node) => void
  readonly streamError: (attrs: Record<string, string>, reason?: Node) => void
  readonly end: () => void
  readonly reset: () => void
}

export interface CompanionKeys {
  readonly noiseKey: Buffer
  readonly identityKey: Buffer
  readonly registrationId: number
  readonly signedPreKey: SignedPreKey
}

/** A linked device of an account: a real client. Its keys, what waits for it, and its connection if there is one. */
export class Companion {
  readonly account: Account
  readonly number: number
  readonly keyIndex: number
  readonly noiseKey: Buffer
  readonly identityKey: Buffer
  readonly registrationId: number
  readonly platform: string
  readonly queue: OfflineQueue
  readonly #hub: Hub
  readonly #preKeys = new Map<number, Buffer>()
  signedPreKey: SignedPreKey
  /** With both signatures, once the device has signed back. */
  deviceIdentity: Buffer | undefined
  stream: Stream | undefined
  /** Online is later than connected: first the offline queue is sent. */
  online = false
  logins = 0
  /** How many one-time keys each upload brought, and ids that came again with another key. */
  readonly uploads: Array<number> = []
  readonly reusedPreKeyIds: Array<number> = []
  readonly #everUploaded = new Map<number, Buffer>()
  #askedForPreKeys = false

  constructor(
    hub: Hub,
    account: Account,
    options: {
      readonly number: number
      readonly keyIndex: number
      readonly keys: CompanionKeys
      readonly platform: string
    }
  ) {
    this.#hub = hub
    this.account = account
    this.number = options.number
    this.keyIndex = options.keyIndex
    this.noiseKey = options.keys.noiseKey
    this.identityKey = options.keys.identityKey
    this.registrationId = options.keys.registrationId
    this.signedPreKey = options.keys.signedPreKey
    this.platform = options.platform
    this.queue = new OfflineQueue(hub.settings.offlineLimit)
  }

  get jid(): string {
    return this.account.jid(this.number)
  }

  get preKeyIds(): ReadonlyArray<number> {
    return [...this.#preKeys.keys()]
  }

  addPreKeys(keys: ReadonlyArray<OneTimePreKey>): void {
    this.uploads.push(keys.length)
    for (const key of keys) {
      const earlier = this.#everUploaded.get(key.id)
      // The server has given the earlier one out: whoever uses it will not be understood.
      if (earlier !== undefined && !earlier.equals(key.publicKey)) this.reusedPreKeyIds.push(key.id)
      this.#everUploaded.set(key.id, key.publicKey)
      this.#preKeys.set(key.id, key.publicKey)
    }
    this.#askedForPreKeys = false
  }

  /** Every bundle costs the device a one-time key; when they run low the server says so, once. */
  bundle(): PreKeyBundle {
    const next = this.#preKeys.entries().next().value
    if (next) {
      this.#preKeys.delete(next[0])
      this.#hub.stats.add("preKeysConsumed")
    } else this.#hub.stats.add("preKeysExhausted")
    if (this.#preKeys.size < this.#hub.settings.preKeyLow && !this.#askedForPreKeys) {
      this.#askedForPreKeys = true
      this.askForPreKeys()
    }
    return {
      registrationId: this.registrationId,
      identityKey: this.identityKey,
      signedPreKey: this.signedPreKey,
      preKey: next ? { id: next[0], publicKey: next[1] } : undefined
    }
  }

  /** As if others had used them all. */
  dropPreKeys(): void {
    this.#preKeys.clear()
  }

  askForPreKeys(count = this.#preKeys.size): void {
    this.deliver({
      tag: "notification",
      attrs: { from: SERVER_JID, id: this.#hub.stanzaId(), type: "encrypt", t: this.#hub.seconds() },
      content: [{ tag: "count", attrs: { value: String(count) } }]
    })
  }

  /** Kept until acknowledged, whether it can be sent now or not. */
  deliver(stanza: Node): void {
    const now = this.online && this.stream !== undefined
    this.#hub.stats.add("offlineDropped", this.queue.add(stanza, now))
    if (now) this.stream?.send(stanza)
  }

  /** Sends what waits, oldest first, and says how much that was. */
  flush(): number {
    const waiting = this.queue.entries
    let index = 0
    for (const entry of waiting) {
      if (entry.sent) this.#hub.stats.add("redelivered")
      entry.sent = true
      this.stream?.send({ ...entry.stanza, attrs: { ...entry.stanza.attrs, offline: String(index++) } })
    }
    return waiting.length
  }
}
