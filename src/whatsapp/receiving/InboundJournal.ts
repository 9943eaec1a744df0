import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, type DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { Cipher } from "../../domain/Cipher.ts"
import type { ContactFact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { GroupFact } from "../../domain/GroupFact.ts"
import { Inbound } from "../../domain/Inbound.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { type AuthRows, journalPlace, makeAuthRows } from "../auth/AuthRows.ts"
import { groupFactsOf } from "../groups/GroupNotification.ts"
import { factsOf, historyNotification } from "./InboundFacts.ts"
import { decodeJournalRecord } from "./JournalRecord.ts"
import { withBothIds } from "../auth/LidMapping.ts"

/** A piece of the phone's history that is to be fetched. */
export interface HistoryEntry {
  readonly id: number
  readonly notification: Uint8Array
  readonly since: DateTime.Utc
}

/** What one notification says of groups; of one that cannot be read, nothing. */
export interface GroupEntry {
  readonly id: number
  readonly facts: ReadonlyArray<GroupFact>
}

export interface JournalEntry {
  readonly id: number
  readonly fact: Inbound
}

/**
 * What WhatsApp told us and we have acknowledged or are about to. Entries are written in the transaction of the ratchet
 * step that decrypted them; a reader turns them into rows and events and calls `done` in the transaction of those rows.
 */
export class InboundJournal extends Context.Tag("whatsapp-service/InboundJournal")<InboundJournal, {
  /** The oldest entries that are not done, in arrival order; `limit` counts entries, of which one may hold several facts. */
  readonly pending: (deviceId: DeviceId, limit: number) => Effect.Effect<ReadonlyArray<JournalEntry>, StorageUnavailable>
  /** The oldest notification of the phone's history that is not done; `pending` leaves them out. */
  readonly history: (deviceId: DeviceId) => Effect.Effect<Option.Option<HistoryEntry>, StorageUnavailable>
  /** The oldest notifications about groups that are not done, in arrival order; `pending` leaves them out. */
  readonly groups: (deviceId: DeviceId, limit: number) => Effect.Effect<ReadonlyArray<GroupEntry>, StorageUnavailable>
  /** Call within the transaction of what the entries became. The ciphertext hashes stay for 14 days, to know a redelivery. */
  readonly done: (deviceId: DeviceId, ids: ReadonlyArray<number>) => Effect.Effect<void, StorageUnavailable>
  /** Gives an entry up that no rows can be made of: it stays as it is for 14 days. Call within the transaction that tells it. */
  readonly quarantine: (deviceId: DeviceId, id: number) => Effect.Effect<void, StorageUnavailable>
  /** Removes what is done and older than 14 days, at most `limit` rows. */
  readonly prune: (limit: number) => Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(InboundJournal, Effect.suspend(() => make))
}

/** WhatsApp keeps what it could not deliver for as long. */
const redeliveryWindow = Duration.days(14)

const Row = Schema.Struct({ id: Schema.Number, digest: Schema.String, value: Schema.Uint8ArrayFromSelf })

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const cipher = yield* Cipher
  const rows: AuthRows = yield* makeAuthRows

  const selectPending = SqlSchema.findAll({
    Request: Schema.Struct({ deviceId: Schema.String, limit: Schema.Int }),
    Result: Row,
    execute: ({ deviceId, limit }) =>
      sql`SELECT id, digest, value FROM inbound_journal
        WHERE device_id = ${deviceId} AND done_at IS NULL AND kind NOT IN ('history', 'group') ORDER BY id LIMIT ${sql.literal(String(limit))}`
  })
  const selectHistory = SqlSchema.findOne({
    Request: Schema.String,
    Result: Schema.Struct({ ...Row.fields, createdAt: Schema.DateTimeUtcFromNumber }),
    execute: (deviceId) =>
      sql`SELECT id, digest, value, created_at FROM inbound_journal
        WHERE device_id = ${deviceId} AND done_at IS NULL AND kind = 'history' ORDER BY id LIMIT 1`
  })
  const selectOld = SqlSchema.findAll({
    Request: Schema.Struct({ before: Schema.Number, limit: Schema.Int }),
    Result: Schema.Struct({ id: Schema.Number }),
    execute: ({ before, limit }) =>
      sql`SELECT id FROM inbound_journal WHERE done_at < ${before} ORDER BY done_at LIMIT ${sql.literal(String(limit))}`
  })
  const selectGroups = SqlSchema.findAll({
    Request: Schema.Struct({ deviceId: Schema.String, limit: Schema.Int }),
    Result: Row,
    execute: ({ deviceId, limit }) =>
      sql`SELECT id, digest, value FROM inbound_journal
        WHERE device_id = ${deviceId} AND done_at IS NULL AND kind = 'group' ORDER BY id LIMIT ${sql.literal(String(limit))}`
  })
  const unavailable = { SqlError: (cause: unknown) => new StorageUnavailable({ cause }), ParseError: Effect.die }

  /** What cannot be read must not keep what came after it waiting: it is told, and kept as it is for 14 days. */
  const read = (deviceId: DeviceId, { digest, id, value }: typeof Row.Type) =>
    cipher.decrypt(journalPlace(deviceId, digest), value).pipe(
      Effect.flatMap((bytes) => decodeJournalRecord(Buffer.from(bytes).toString())),
      Effect.flatMap((record) => Effect.try(() => factsOf(record))),
      Effect.catchAll((error) =>
        Effect.logError("An entry of the inbound journal cannot be read", error).pipe(
          Effect.annotateLogs({ deviceId, journalId: id }),
          Effect.zipRight(sql`UPDATE inbound_journal SET kind = 'unreadable' WHERE id = ${id}`),
          Effect.as([Inbound.Internal({ kind: "unreadable" })])
        )
      )
    )

  const pending = Effect.fn("InboundJournal.pending")(function*(deviceId: DeviceId, limit: number) {
    const found = yield* selectPending({ deviceId, limit }).pipe(Effect.catchTags(unavailable))
    const entries: Array<JournalEntry> = []
    for (const row of found) {
      for (const fact of yield* read(deviceId, row).pipe(Effect.mapError((cause) => new StorageUnavailable({ cause })))) entries.push({ id: row.id, fact })
    }
    const people = entries.flatMap(({ fact }) => (fact._tag === "Internal" ? [] : [fact.origin.peer, fact.origin.participant]))
    const complete = yield* withBothIds(rows, deviceId, people.filter((person) => person !== undefined)).pipe(
      Effect.catchTag("Undecipherable", (error) =>
        Effect.as(Effect.logError("A LID mapping cannot be read", error), (person: ContactFact) => person))
    )
    return entries.map(({ fact, id }) => ({ id, fact: completed(fact, complete) }))
  })

  const done = Effect.fn("InboundJournal.done")(function*(deviceId: DeviceId, ids: ReadonlyArray<number>) {
    if (ids.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const these = sql`device_id = ${deviceId} AND ${sql.in("id", [...new Set(ids)])}`
    // a receipt may come twice without harm; of a message only the digest is needed to know it again
    yield* Effect.zipRight(
      sql`DELETE FROM inbound_journal WHERE ${these} AND kind = 'receipt'`,
      sql`UPDATE inbound_journal
        SET done_at = ${now}, value = CASE WHEN kind IN ('message', 'group') THEN ${new Uint8Array(0)} ELSE value END
        WHERE ${these}`
    ).pipe(Effect.catchTag("SqlError", (cause) => new StorageUnavailable({ cause })))
  })

  const quarantine = Effect.fn("InboundJournal.quarantine")(function*(deviceId: DeviceId, id: number) {
    const now = yield* Clock.currentTimeMillis
    yield* sql`UPDATE inbound_journal SET kind = 'quarantined', done_at = ${now} WHERE device_id = ${deviceId} AND id = ${id}`.pipe(
      Effect.catchTag("SqlError", (cause) => new StorageUnavailable({ cause }))
    )
  })

  const history: InboundJournal["Type"]["history"] = Effect.fn("InboundJournal.history")(function*(deviceId) {
    const found = yield* selectHistory(deviceId).pipe(Effect.catchTags(unavailable))
    if (Option.isNone(found)) return Option.none()
    const { createdAt, digest, id, value } = found.value
    const notification = yield* cipher.decrypt(journalPlace(deviceId, digest), value).pipe(
      Effect.flatMap((bytes) => decodeJournalRecord(Buffer.from(bytes).toString())),
      Effect.flatMap((record) => Effect.try(() => historyNotification(record))),
      Effect.orElseSucceed(() => undefined)
    )
    if (notification !== undefined) return Option.some({ id, notification, since: createdAt })
    yield* Effect.logWarning("A history notification cannot be read, or is not from our own phone").pipe(Effect.annotateLogs({ deviceId }))
    yield* done(deviceId, [id])
    return yield* history(deviceId)
  })

  const groups: InboundJournal["Type"]["groups"] = Effect.fn("InboundJournal.groups")(function*(deviceId, limit) {
    const found = yield* selectGroups({ deviceId, limit }).pipe(Effect.catchTags(unavailable))
    return yield* Effect.forEach(found, ({ digest, id, value }) =>
      cipher.decrypt(journalPlace(deviceId, digest), value).pipe(
        Effect.flatMap((bytes) => decodeJournalRecord(Buffer.from(bytes).toString())),
        Effect.flatMap((record) => Effect.tryPromise(() => groupFactsOf(record))),
        Effect.tapError((error) => Effect.logError("A notification about a group cannot be read", error)),
        Effect.orElseSucceed(() => []),
        Effect.map((facts) => ({ id, facts })),
        Effect.annotateLogs({ deviceId, journalId: id })
      ))
  })

  const prune = Effect.fn("InboundJournal.prune")(function*(limit: number) {
    const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(redeliveryWindow)
    const old = yield* selectOld({ before, limit }).pipe(Effect.catchTags(unavailable))
    if (old.length === 0) return 0
    yield* sql`DELETE FROM inbound_journal WHERE ${sql.in("id", old.map(({ id }) => id))}`.pipe(
      Effect.catchTag("SqlError", (cause) => new StorageUnavailable({ cause }))
    )
    return old.length
  })

  return InboundJournal.of({ pending, history, groups, done, quarantine, prune })
})

const completed = (fact: Inbound, complete: (person: ContactFact) => ContactFact): Inbound => {
  if (fact._tag === "Internal") return fact
  const { participant, peer } = fact.origin
  return {
    ...fact,
    origin: { ...fact.origin, peer: peer && complete(peer), participant: participant && complete(participant) }
  }
}
