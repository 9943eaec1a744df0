import { SqlClient, type SqlError, SqlSchema } from "@effect/sql"
import { Array, Clock, Effect, Schema } from "effect"
import { Cipher, type Undecipherable } from "../../domain/Cipher.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { OwnerChanged, StorageUnavailable } from "../../domain/Storage.ts"

export interface AuthMutation {
  readonly type: string
  readonly id: string
  /** null deletes the row */
  readonly value: Uint8Array | null
}

export interface JournalRow {
  readonly digest: string
  readonly kind: string
  readonly value: Uint8Array
}

/** Everything that becomes durable together: credentials, keys, and what was decrypted with them. */
export interface AuthChanges {
  readonly mutations: ReadonlyArray<AuthMutation>
  readonly journal: ReadonlyArray<JournalRow>
}

export type JournalKind = "message" | "internal" | "history" | "receipt" | "undecryptable" | "group"

const authPlace = (deviceId: string, type: string, id: string) => `auth_state|${deviceId}|${type}|${id}`
export const journalPlace = (deviceId: string, digest: string) => `inbound_journal|${deviceId}|${digest}`

const AuthRow = Schema.Struct({ id: Schema.String, value: Schema.Uint8ArrayFromSelf })
const EpochRow = Schema.Struct({ epoch: Schema.Number })
const KnownRow = Schema.Struct({ value: Schema.Uint8ArrayFromSelf })

/** The rows behind the auth state of all devices: encrypted, written in one fenced transaction. */
export const makeAuthRows = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const cipher = yield* Cipher
  const shareLock = sql.onDialectOrElse({
    mysql: () => sql.literal(" LOCK IN SHARE MODE"),
    orElse: () => sql.literal("")
  })
  const onConflict = sql.onDialectOrElse({
    mysql: () => sql.literal(" ON DUPLICATE KEY UPDATE value = VALUES(value)"),
    orElse: () => sql.literal(" ON CONFLICT (device_id, type, id) DO UPDATE SET value = excluded.value")
  })
  const onKnown = sql.onDialectOrElse({
    mysql: () => sql.literal(" ON DUPLICATE KEY UPDATE digest = digest"),
    orElse: () => sql.literal(" ON CONFLICT (device_id, digest) DO NOTHING")
  })

  const selectRows = SqlSchema.findAll({
    Request: Schema.Struct({ deviceId: Schema.String, type: Schema.String, ids: Schema.Array(Schema.String) }),
    Result: AuthRow,
    execute: ({ deviceId, ids, type }) =>
      sql`SELECT id, value FROM auth_state WHERE device_id = ${deviceId} AND type = ${type} AND ${sql.in("id", ids)}`
  })
  const selectEpoch = SqlSchema.findAll({
    Request: Schema.String,
    Result: EpochRow,
    execute: (deviceId) => sql`SELECT owner_epoch AS epoch FROM whatsapp_sessions WHERE device_id = ${deviceId}${shareLock}`
  })
  const selectKnown = SqlSchema.findAll({
    Request: Schema.Struct({ deviceId: Schema.String, digest: Schema.String }),
    Result: KnownRow,
    execute: ({ deviceId, digest }) =>
      sql`SELECT value FROM inbound_journal WHERE device_id = ${deviceId} AND digest = ${digest}`
  })

  const read = Effect.fn("AuthRows.read")(function*(deviceId: DeviceId, type: string, ids: ReadonlyArray<string>) {
    const found = new Map<string, Uint8Array>()
    for (const chunk of Array.chunksOf(ids, 500)) {
      const rows = yield* selectRows({ deviceId, type, ids: chunk }).pipe(Effect.catchTags(decoded))
      for (const row of rows) found.set(row.id, yield* cipher.decrypt(authPlace(deviceId, type, row.id), row.value))
    }
    return found
  })

  const holdsEpoch = (deviceId: DeviceId, epoch: number) =>
    Effect.map(selectEpoch(deviceId).pipe(Effect.catchTags(decoded)), ([row]) => row !== undefined && row.epoch === epoch)

  const write = Effect.fn("AuthRows.write")(function*(deviceId: DeviceId, epoch: number, changes: AuthChanges) {
    const now = yield* Clock.currentTimeMillis
    const puts = changes.mutations.flatMap(({ id, type, value }) =>
      value === null
        ? []
        : [{ device_id: deviceId, type, id, value: cipher.encrypt(authPlace(deviceId, type, id), value) }]
    )
    const journal = changes.journal.map(({ digest, kind, value }) => ({
      device_id: deviceId,
      kind,
      digest,
      value: cipher.encrypt(journalPlace(deviceId, digest), value),
      created_at: now
    }))
    const deletes = Object.entries(
      Array.groupBy(changes.mutations.filter(({ value }) => value === null), ({ type }) => type)
    )
    yield* Effect.gen(function*() {
      if (!(yield* holdsEpoch(deviceId, epoch))) return yield* new OwnerChanged({ deviceId, epoch })
      for (const rows of Array.chunksOf(puts, 200)) {
        yield* sql`INSERT INTO auth_state ${sql.insert(rows)}${onConflict}`
      }
      for (const [type, rows] of deletes) {
        for (const ids of Array.chunksOf(rows.map(({ id }) => id), 500)) {
          yield* sql`DELETE FROM auth_state WHERE device_id = ${deviceId} AND type = ${type} AND ${sql.in("id", ids)}`
        }
      }
      for (const rows of Array.chunksOf(journal, 200)) {
        yield* sql`INSERT INTO inbound_journal ${sql.insert(rows)}${onKnown}`
      }
    }).pipe(sql.withTransaction, Effect.catchTag("SqlError", unavailable))
  })

  /** The journalled plaintext under this digest; empty bytes when it was cleared after its projection. */
  const known = Effect.fn("AuthRows.known")(function*(deviceId: DeviceId, digest: string) {
    const [row] = yield* selectKnown({ deviceId, digest }).pipe(Effect.catchTags(decoded))
    if (row === undefined) return undefined
    if (row.value.length === 0) return new Uint8Array(0)
    return yield* cipher.decrypt(journalPlace(deviceId, digest), row.value)
  })

  return { read, write, known, holdsEpoch }
})

export type AuthRows = Effect.Effect.Success<typeof makeAuthRows>
export type AuthError = StorageUnavailable | OwnerChanged | Undecipherable

const unavailable = (cause: SqlError.SqlError) => new StorageUnavailable({ cause })
const decoded = { SqlError: unavailable, ParseError: Effect.die }
