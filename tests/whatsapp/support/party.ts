import {
  addTransactionCapability,
  type AuthenticationCreds,
  BufferJSON,
  DEFAULT_CONNECTION_CONFIG,
  generateSignalPubKey,
  initAuthCreds,
  Curve,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type SignalKeyStoreWithTransaction,
  type SocketConfig
} from "@whiskeysockets/baileys"
import { setTimeout } from "node:timers/promises"
import { makeSafeRepository } from "../../../src/whatsapp/auth/SignalRepository.ts"

type MakeRepository = SocketConfig["makeSignalRepository"]

export const silent: SocketConfig["logger"] = {
  level: "silent",
  child: () => silent,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {}
}

export const plain: MakeRepository = (auth, logger, lookUp) => DEFAULT_CONNECTION_CONFIG.makeSignalRepository(auth, logger, lookUp)
export const safe: MakeRepository = makeSafeRepository({
  stanzaOf: () => undefined,
  written: () => {},
  known: async () => undefined,
  me: () => ({ id: "", lid: null })
})

/** One account with a key store of its own, as slow as `latency` says; `committed` is called at each commit. */
export class Party {
  readonly jid: string
  readonly creds: AuthenticationCreds
  readonly stored: Map<string, string>
  readonly keys: SignalKeyStoreWithTransaction
  readonly repository: ReturnType<MakeRepository>
  committed: (data: SignalDataSet) => void = () => {}
  #preKeys = 0

  constructor(options: {
    readonly user: string
    readonly make: MakeRepository
    readonly latency?: number
    /** another process with the same credentials and the same store */
    readonly like?: Party
    /** in place of the store in memory */
    readonly store?: SignalKeyStore
  }) {
    this.creds = options.like?.creds ?? initAuthCreds()
    this.stored = options.like?.stored ?? new Map()
    const wait = () => (options.latency === undefined ? Promise.resolve() : setTimeout(options.latency))
    this.jid = `${options.user}@lid`
    const store: SignalKeyStore = options.store ?? {
      get: async <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
        await wait()
        const found: { [id: string]: SignalDataTypeMap[T] } = {}
        for (const id of ids) {
          const value = this.stored.get(`${type}|${id}`)
          if (value !== undefined) found[id] = JSON.parse(value, BufferJSON.reviver)
        }
        return found
      },
      set: async (data) => {
        const entries = Object.entries(data).flatMap(([type, values]) =>
          Object.entries(values ?? {}).map(([id, value]) => [`${type}|${id}`, value === null ? null : JSON.stringify(value, BufferJSON.replacer)] as const)
        )
        await wait()
        for (const [key, value] of entries) {
          if (value === null) this.stored.delete(key)
          else this.stored.set(key, value)
        }
        this.committed(data)
      }
    }
    this.keys = addTransactionCapability(store, silent, { maxCommitRetries: 1, delayBetweenTriesMs: 0 })
    this.repository = options.make({ creds: this.creds, keys: this.keys }, silent, async () => [])
  }

  /** What the server would hand out for this device. */
  async bundle() {
    const { public: publicKey, private: privateKey } = Curve.generateKeyPair()
    const keyId = ++this.#preKeys
    await this.keys.set({ "pre-key": { [keyId]: { public: publicKey, private: privateKey } } })
    const { registrationId, signedIdentityKey, signedPreKey } = this.creds
    return {
      registrationId,
      identityKey: generateSignalPubKey(signedIdentityKey.public),
      signedPreKey: {
        keyId: signedPreKey.keyId,
        publicKey: generateSignalPubKey(signedPreKey.keyPair.public),
        signature: signedPreKey.signature
      },
      preKey: { keyId, publicKey: generateSignalPubKey(publicKey) }
    }
  }

  async meet(other: Party): Promise<void> {
    await this.repository.injectE2ESession({ jid: other.jid, session: await other.bundle() })
  }

  encrypt(to: Party, text: string) {
    return this.repository.encryptMessage({ jid: to.jid, data: Buffer.from(text) })
  }

  /** As Baileys sends: within the one transaction of the account. */
  relay<A>(work: () => Promise<A>): Promise<A> {
    return this.keys.transaction(work, this.jid)
  }

  async decrypt(from: Party, message: { readonly type: "pkmsg" | "msg"; readonly ciphertext: Uint8Array }): Promise<string> {
    const plaintext = await this.repository.decryptMessage({ jid: from.jid, ...message })
    return Buffer.from(plaintext).toString()
  }
}

export type Encrypted = Awaited<ReturnType<Party["encrypt"]>>

/** Both know each other and have answered once: neither sends pre-key messages any more. */
export const acquainted = async (a: Party, b: Party): Promise<void> => {
  await a.meet(b)
  await b.decrypt(a, await a.encrypt(b, "hello"))
  await a.decrypt(b, await b.encrypt(a, "hello yourself"))
}
