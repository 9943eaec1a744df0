import { type AuthenticationCreds, BufferJSON, proto, type SignalDataSet, type SignalDataTypeMap, type SignalKeyStore } from "@whiskeysockets/baileys"
import { Duration, Effect, Either, Exit, Runtime, Schedule } from "effect"
import type { Undecipherable } from "../../domain/Cipher.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { failpoint } from "../../domain/Failpoint.ts"
import { type OwnerChanged, StorageUnavailable } from "../../domain/Storage.ts"
import type { AuthChanges, AuthError, AuthMutation, AuthRows, JournalRow } from "./AuthRows.ts"
import { BoundedCache } from "../socket/BoundedCache.ts"

/** The key type under which journal rows travel through Baileys' transactions into ours. */
export const journalType = "inbound-journal"
export type JournalSet = Record<string, { readonly kind: string; readonly value: Uint8Array }>

/** Stands for a row that is not there, among values. */
const absent = Symbol("absent")

const retries = Schedule.exponential("50 millis").pipe(Schedule.union(Schedule.spaced("2 seconds")))

/** Under load the next commit begins so long after the last one, in milliseconds, and takes along what has come meanwhile. */
const pace = 4
/** Beyond so many rows that are handed over and not durable, writers wait: a stalled database must not grow the heap. */
const mostUnwritten = 2000

export interface KeyStore {
  /** For Baileys. A `set` settles when its rows are handed over; whoever needs them durable waits for `durable`. */
  readonly keys: SignalKeyStore
  /** Hands over the credentials as they are now. */
  readonly saveCreds: (creds: AuthenticationCreds) => void
  readonly journal: (rows: ReadonlyArray<JournalRow>) => void
  readonly known: (digest: string) => Promise<Uint8Array | undefined>
  /** Settles when everything handed over so far is durable, rejects if it cannot become so; nothing if it is already. */
  readonly durable: () => Promise<void> | undefined
  /** Settles when everything begun so far has ended, well or not. */
  readonly idle: () => Promise<void>
  /** Refuses everything from now on. */
  readonly close: () => void
}

/** What becomes durable in one transaction: of each row the last value. */
interface Batch {
  readonly mutations: Map<string, AuthMutation>
  readonly journal: Map<string, JournalRow>
  /** as readers get it */
  readonly values: Map<string, unknown>
  readonly done: PromiseWithResolvers<void>
}

/**
 * One device's auth state as Baileys wants it. What is handed over is seen by readers at once and written in order, all that
 * has come since the last commit in one transaction. The first error that outlasts our patience is told to `onFailure`
 * before anyone else learns of it, and ends the store: what was built on rows that are not durable must then not leave.
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
  const cache = new BoundedCache<unknown>({ capacity: 256, ttl: Duration.hours(1) })
  let failure: Error | undefined
  let collecting: Batch | undefined
  let committing: Batch | undefined
  let commits = 0
  let lastCommit = 0

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

  const commit = async (batch: Batch): Promise<void> => {
    await run(rows.write(deviceId, epoch, { mutations: [...batch.mutations.values()], journal: [...batch.journal.values()] }))
    for (const [key, value] of batch.values) cache.set(key, value)
    if (batch.mutations.has(keyOf("creds", ""))) failpoint("creds.stored")
    if (batch.journal.size === 0) return
    failpoint("journal.committed")
    options.onJournalled()
  }

  const flush = async (): Promise<void> => {
    const wait = pace - (performance.now() - lastCommit)
    await new Promise((resolve) => (wait > 0 ? setTimeout(resolve, wait) : setImmediate(resolve)))
    const batch = collecting
    if (batch === undefined) return
    committing = batch
    collecting = undefined
    const [result] = await Promise.allSettled([commit(batch)])
    committing = undefined
    commits++
    lastCommit = performance.now()
    if (result.status === "fulfilled") batch.done.resolve()
    else batch.done.reject(result.reason)
    // what has come meanwhile
    if (collecting !== undefined) void flush()
  }

  const handOver = ({ journal, mutations }: AuthChanges, values: ReadonlyMap<string, unknown>): Batch => {
    if (failure) throw failure
    const begin = collecting === undefined && committing === undefined
    const batch = collecting ??= newBatch()
    for (const mutation of mutations) batch.mutations.set(keyOf(mutation.type, mutation.id), mutation)
    for (const row of journal) if (!batch.journal.has(row.digest)) batch.journal.set(row.digest, row)
    for (const [key, value] of values) batch.values.set(key, value)
    if (begin) void flush()
    return batch
  }

  /** What readers must see of a row: its newest value, durable or not. */
  const remembered = (key: string): unknown => {
    for (const batch of [collecting, committing]) if (batch?.values.has(key)) return batch.values.get(key)
    return cache.get(key)
  }

  const keys: SignalKeyStore = {
    get: async <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
      if (failure) throw failure
      const result: { [id: string]: SignalDataTypeMap[T] } = {}
      const give = (id: string, value: unknown) => {
        if (value !== absent) result[id] = copyOf(type, value) as SignalDataTypeMap[T]
      }
      const missing: Array<string> = []
      for (const id of new Set(ids)) {
        const value = remembered(keyOf(type, id))
        if (value === undefined) missing.push(id)
        else give(id, value)
      }
      if (missing.length === 0) return result
      const before = commits
      const found = await run(rows.read(deviceId, type, missing))
      for (const id of missing) {
        const key = keyOf(type, id)
        const row = found.get(id)
        // handed over while we read: newer than what was read
        const value = remembered(key) ?? (row === undefined ? absent : parse(type, Buffer.from(row).toString()))
        if (commits === before) cache.set(key, value)
        give(id, value)
      }
      return result
    },
    set: async (data) => {
      const { changes, values } = changesOf(data)
      const batch = handOver(changes, values)
      if (batch.mutations.size + batch.journal.size > mostUnwritten) await batch.done.promise
    }
  }

  const durable = () => (failure ? Promise.reject(failure) : (collecting ?? committing)?.done.promise)

  const idle = async (): Promise<void> => {
    const last = collecting ?? committing
    if (last === undefined) return
    await last.done.promise.catch(() => undefined)
    return idle()
  }

  return {
    keys,
    // once the store has ended there is nobody to tell again: nothing built on it leaves
    saveCreds: (creds) => {
      if (failure === undefined) handOver({ mutations: [{ type: "creds", id: "", value: serialise(creds) }], journal: [] }, new Map())
    },
    journal: (journal) => {
      if (failure === undefined) handOver({ mutations: [], journal }, new Map())
    },
    known: async (digest) => {
      const handed = collecting?.journal.get(digest) ?? committing?.journal.get(digest)
      return handed?.value ?? run(rows.known(deviceId, digest))
    },
    durable,
    idle,
    close: () => {
      failure ??= new Error("The auth state is closed")
    }
  }
}

const keyOf = (type: string, id: string) => `${type}|${id}`

const newBatch = (): Batch => {
  const done = Promise.withResolvers<void>()
  done.promise.catch(() => undefined)
  return { mutations: new Map(), journal: new Map(), values: new Map(), done }
}

const changesOf = (data: SignalDataSet) => {
  const mutations: Array<AuthMutation> = []
  const journal: Array<JournalRow> = []
  const values = new Map<string, unknown>()
  for (const [type, entries] of Object.entries(data)) {
    if (type === journalType) {
      for (const [digest, row] of Object.entries(entries as JournalSet)) journal.push({ digest, ...row })
      continue
    }
    for (const [id, value] of Object.entries(entries ?? {})) {
      const gone = value === null || value === undefined
      mutations.push({ type, id, value: gone ? null : serialise(value) })
      // the owner of a value goes on to change it
      values.set(keyOf(type, id), gone ? absent : copyOf(type, value))
    }
  }
  return { changes: { mutations, journal } satisfies AuthChanges, values }
}

const serialise = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value, BufferJSON.replacer))

const parse = (type: string, text: string): unknown => {
  const value = JSON.parse(text, BufferJSON.reviver)
  return type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value) : value
}

/** As if written and read again; a session has hundreds of fields, and text is several times dearer. */
const copyOf = (type: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map((item) => copyOf(type, item))
  if (typeof value !== "object" || value === null) return value
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return parse(type, Buffer.from(serialise(value)).toString())
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) if (item !== undefined) copy[key] = copyOf(type, item)
  return copy
}

export const parseCreds = (value: Uint8Array): AuthenticationCreds =>
  JSON.parse(Buffer.from(value).toString(), BufferJSON.reviver)
