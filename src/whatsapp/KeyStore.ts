import { type AuthenticationCreds, BufferJSON, proto, type SignalDataSet, type SignalDataTypeMap, type SignalKeyStore } from "@whiskeysockets/baileys"
import { Duration, Effect, Either, Exit, Runtime, Schedule } from "effect"
import type { Undecipherable } from "../domain/Cipher.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import { failpoint } from "../domain/Failpoint.ts"
import { type OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import type { AuthChanges, AuthError, AuthMutation, AuthRows, JournalRow } from "./AuthRows.ts"
import { BoundedCache } from "./BoundedCache.ts"

/** The key type under which journal rows travel through Baileys' transactions into ours. */
export const journalType = "inbound-journal"
export type JournalSet = Record<string, { readonly kind: string; readonly value: Uint8Array }>

/** Stands for a row that is not there, among serialised values. */
const absent = ""

const retries = Schedule.exponential("50 millis").pipe(Schedule.union(Schedule.spaced("2 seconds")))

export interface KeyStore {
  /** for Baileys; each `set` is one transaction, journal rows included */
  readonly keys: SignalKeyStore
  /** Starts writing the credentials as they are now; settles when they are durable. */
  readonly saveCreds: (creds: AuthenticationCreds) => Promise<void>
  readonly journal: (rows: ReadonlyArray<JournalRow>) => Promise<void>
  readonly known: (digest: string) => Promise<Uint8Array | undefined>
  /** Settles when everything begun so far has ended, well or not. */
  readonly idle: () => Promise<void>
  /** Refuses everything from now on. */
  readonly close: () => void
}

/**
 * One device's auth state as Baileys wants it. Writes form one lane, so that nothing overtakes; values are serialised when
 * they are handed over, since their owners go on to change them. The first error that outlasts our patience is told to
 * `onFailure` before anyone else learns of it, and ends the store.
 */
export const makeKeyStore = (options: {
  readonly deviceId: DeviceId
  readonly epoch: number
  readonly rows: AuthRows
  readonly runtime: Runtime.Runtime<never>
  /** how long a hiccup of the database only delays */
  readonly patience: Duration.Duration
  readonly onFailure: (error: AuthError) => void
  readonly onJournalled: () => void
}): KeyStore => {
  const { deviceId, epoch, rows } = options
  const runPromiseExit = Runtime.runPromiseExit(options.runtime)
  // the serialised form, since callers change what they are given
  const cache = new BoundedCache<string>({ capacity: 256, ttl: Duration.hours(1) })
  // handed over and not durable yet: what readers must see; a write that fails ends the store and all of this with it
  const pending = new Map<string, { readonly text: string; readonly write: number }>()
  let failure: Error | undefined
  let writes = 0
  let lane: Promise<unknown> = Promise.resolve()

  const run = async <A>(effect: Effect.Effect<A, StorageUnavailable | OwnerChanged | Undecipherable>): Promise<A> => {
    if (failure) throw failure
    const exit = await runPromiseExit(
      effect.pipe(
        Effect.retry({ schedule: Schedule.upTo(retries, options.patience), while: (error) => error._tag === "StorageUnavailable" && failure === undefined }),
        Effect.either
      )
    )
    if (Exit.isFailure(exit)) return fail(new StorageUnavailable({ cause: exit.cause }))
    if (Either.isLeft(exit.value)) return fail(exit.value.left)
    return exit.value.right
  }
  const fail = (error: AuthError): never => {
    if (failure === undefined) {
      failure = error
      options.onFailure(error)
    }
    throw error
  }

  const commit = async (changes: AuthChanges, after: Promise<unknown>, number: number): Promise<void> => {
    await after
    await run(rows.write(deviceId, epoch, changes))
    for (const { id, type } of changes.mutations) {
      const key = `${type}|${id}`
      const handed = pending.get(key)
      if (handed?.write !== number) continue
      pending.delete(key)
      cache.set(key, handed.text)
    }
    if (changes.journal.length === 0) return
    failpoint("journal.committed")
    options.onJournalled()
  }

  const write = (changes: AuthChanges): Promise<void> => {
    if (failure) return Promise.reject(failure)
    const number = ++writes
    for (const { id, type, value } of changes.mutations) {
      pending.set(`${type}|${id}`, { text: value === null ? absent : Buffer.from(value).toString(), write: number })
    }
    const done = commit(changes, lane, number)
    lane = done.catch(() => undefined)
    return done
  }

  const keys: SignalKeyStore = {
    get: async <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
      if (failure) throw failure
      const result: { [id: string]: SignalDataTypeMap[T] } = {}
      const missing: Array<string> = []
      for (const id of new Set(ids)) {
        const text = pending.get(`${type}|${id}`)?.text ?? cache.get(`${type}|${id}`)
        if (text === undefined) missing.push(id)
        else if (text !== absent) result[id] = parse(type, text)
      }
      if (missing.length === 0) return result
      await lane
      const before = writes
      const found = await run(rows.read(deviceId, type, missing))
      for (const id of missing) {
        const value = found.get(id)
        const text = value === undefined ? absent : Buffer.from(value).toString()
        if (text !== absent) result[id] = parse(type, text)
        if (writes === before) cache.set(`${type}|${id}`, text)
      }
      return result
    },
    set: (data) => write(changesOf(data))
  }

  const idle = async (): Promise<void> => {
    const last = lane
    await last
    return last === lane ? undefined : idle()
  }

  return {
    keys,
    saveCreds: (creds) => write({ mutations: [{ type: "creds", id: "", value: serialise(creds) }], journal: [] }),
    journal: (journal) => write({ mutations: [], journal }),
    known: (digest) => run(rows.known(deviceId, digest)),
    idle,
    close: () => {
      failure ??= new Error("The auth state is closed")
    }
  }
}

const changesOf = (data: SignalDataSet): AuthChanges => {
  const mutations: Array<AuthMutation> = []
  const journal: Array<JournalRow> = []
  for (const [type, entries] of Object.entries(data)) {
    if (type === journalType) {
      for (const [digest, row] of Object.entries(entries as JournalSet)) journal.push({ digest, ...row })
      continue
    }
    for (const [id, value] of Object.entries(entries ?? {})) {
      mutations.push({ type, id, value: value === null || value === undefined ? null : serialise(value) })
    }
  }
  return { mutations, journal }
}

const serialise = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value, BufferJSON.replacer))

const parse = (type: string, text: string) => {
  const value = JSON.parse(text, BufferJSON.reviver)
  return type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value) : value
}

export const parseCreds = (value: Uint8Array): AuthenticationCreds =>
  JSON.parse(Buffer.from(value).toString(), BufferJSON.reviver)
