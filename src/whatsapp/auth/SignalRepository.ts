import { type BinaryNode, DEFAULT_CONNECTION_CONFIG, MISSING_KEYS_ERROR_TEXT, type SignalDataSet, type SignalKeyStoreWithTransaction, type SocketConfig } from "@whiskeysockets/baileys"
import { AsyncResource } from "node:async_hooks"
import { failpoint, stallpoint } from "../../domain/Failpoint.ts"
import { BoundedCache } from "../socket/BoundedCache.ts"
import { ciphertextDigest, encodeRecord, type JournalRecord, kindOf, plaintextOf, undecryptableDigest } from "../receiving/JournalRecord.ts"
import { type JournalSet, journalType } from "./KeyStore.ts"
import { mendLibsignal } from "./Libsignal.ts"

type MakeRepository = SocketConfig["makeSignalRepository"]
type Repository = ReturnType<MakeRepository>

/** What the repository needs to write down what it decrypts. */
export interface Journalling {
  /** the stanza to which these very bytes belong */
  readonly stanzaOf: (ciphertext: Uint8Array) => BinaryNode | undefined
  /** one of its ciphertexts is journalled, or told as undecryptable, or cannot be either */
  readonly written: (stanza: BinaryNode) => void
  readonly known: (digest: string) => Promise<Uint8Array | undefined>
  readonly me: () => JournalRecord["me"]
}

/** The message key is spent: we have had this message, and nobody misses anything. */
const duplicate = /^(Key used already|Received message with old counter|No sender message key found)/

/**
 * What is larger holds the event loop for everybody: to decrypt, encrypt and store ten megabytes takes seconds. A message of
 * an official client has 65 536 characters and a thumbnail at most, so that only a broken or hostile one sends this. What one's
 * own phone tells its devices may be larger: history comes in line.
 */
const largest = 2 ** 20
const tooLarge = "the message is larger than 1 MiB"

/**
 * Baileys' Signal repository under which a ratchet cannot be corrupted: one lock for all operations of the account, each a
 * transaction of its own, begun outside every other one. The commit so precedes the wire, and what is decrypted is
 * journalled in the transaction of its ratchet step.
 */
export const makeSafeRepository = (journalling: Journalling): MakeRepository => (auth, logger, lookUp) => {
  mendLibsignal()
  const keys = auth.keys as SignalKeyStoreWithTransaction
  const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ ...auth, keys }, logger, rememberMisses(lookUp))
  // made outside any transaction: whoever runs in it takes none along
  const root = new AsyncResource("SignalRepository")
  const locked = <A>(run: () => Promise<A>): Promise<A> =>
    root.runInAsyncScope(() => keys.transaction(run, "signal"))
  // the lookup of a LID may ask the server: before the lock, so that nothing waits for the answer
  const resolve = async (jid: string) => {
    if (jid.endsWith("@s.whatsapp.net")) await repository.lidMapping.getLIDForPN(jid).catch(() => null)
  }

  const journalled = async (ciphertext: Uint8Array, decrypt: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const stanza = journalling.stanzaOf(ciphertext)
    if (stanza === undefined) return locked(decrypt)
    await stallpoint("message.decrypt")
    const { attrs } = stanza
    const putAside = (reason: string) =>
      keys.set(stage(undecryptableDigest(stanza), { kind: "undecryptable", attrs, me: journalling.me(), reason }))
    if (ciphertext.byteLength > largest && attrs["category"] !== "peer") {
      await putAside(tooLarge)
      journalling.written(stanza)
      // what fails with this Baileys refuses, and does not ask for again
      throw new Error(MISSING_KEYS_ERROR_TEXT)
    }
    const digest = ciphertextDigest(stanza, ciphertext)
    try {
      return await locked(async () => {
        const known = await journalling.known(digest)
        if (known !== undefined) return plaintextOf(known)
        const plaintext = await decrypt()
        const plain = Buffer.from(plaintext)
        await keys.set(
          stage(digest, { kind: kindOf(plain), attrs, me: journalling.me(), plaintext: plain.toString("base64") })
        )
        return plaintext
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!duplicate.test(reason)) await putAside(reason)
      throw error
    } finally {
      journalling.written(stanza)
    }
  }

  const safe: Repository = {
    ...repository,
    lidMapping: addressable(repository.lidMapping),
    decryptMessage: async (options) => {
      await resolve(options.jid)
      return journalled(options.ciphertext, () => repository.decryptMessage(options))
    },
    decryptGroupMessage: (options) => journalled(options.msg, () => repository.decryptGroupMessage(options)),
    encryptMessage: async (options) => {
      await resolve(options.jid)
      return locked(async () => {
        const encrypted = await repository.encryptMessage(options)
        failpoint("ratchet.stepped")
        return encrypted
      })
    },
    injectE2ESession: async (options) => {
      await resolve(options.jid)
      return locked(() => repository.injectE2ESession(options))
    },
    encryptGroupMessage: (options) => locked(() => repository.encryptGroupMessage(options)),
    getSenderKeyDistributionMessage: (options) => locked(() => repository.getSenderKeyDistributionMessage(options)),
    processSenderKeyDistributionMessage: (options) =>
      locked(() => repository.processSenderKeyDistributionMessage(options)),
    migrateSession: (from, to) => locked(() => repository.migrateSession(from, to)),
    deleteSession: (jids) => locked(() => repository.deleteSession(jids)),
    close: () => {
      repository.close?.()
      root.emitDestroy()
    }
  }
  return safe
}

const stage = (digest: string, record: JournalRecord): SignalDataSet => {
  const rows: JournalSet = { [digest]: encodeRecord(record) }
  // a type of our own among Baileys': its transactions carry what they do not know
  return { [journalType]: rows } as SignalDataSet
}

type LidMapping = Repository["lidMapping"]

/**
 * Baileys fetches sessions by LID alone: to a number that has none nothing could be sent. Here it stands for itself; the
 * only one who asks for many at once wants to know how to write to them.
 */
const addressable = (lidMapping: LidMapping): LidMapping =>
  Object.create(lidMapping, {
    getLIDForPN: { value: (pn: string) => lidMapping.getLIDForPN(pn) },
    getLIDsForPNs: {
      value: async (pns: Array<string>) => {
        const found = (await lidMapping.getLIDsForPNs(pns)) ?? []
        const missing = pns.filter((pn) => !found.some((pair) => pair.pn === pn))
        return [...found, ...missing.map((pn) => ({ lid: pn, pn }))]
      }
    }
  })

type LookUp = Parameters<MakeRepository>[2]

/** A number without a LID is asked for at every step otherwise. */
const rememberMisses = (lookUp: LookUp): LookUp => {
  if (lookUp === undefined) return undefined
  const misses = new BoundedCache<true>({ capacity: 1000, ttl: "1 minute" })
  return async (jids) => {
    const asked = jids.filter((jid) => misses.get(jid) === undefined)
    if (asked.length === 0) return []
    const found = (await lookUp(asked)) ?? []
    for (const jid of asked) if (!found.some(({ pn }) => pn === jid)) misses.set(jid, true)
    return found
  }
}
