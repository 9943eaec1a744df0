import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, Duration, Effect, Layer, Schedule, Schema } from "effect"
import { type Actor, type AuditAction, AuditDetails, type AuditEntry, type AuditResult, type AuditTarget, Origin } from "../../domain/Audit.ts"
import { wholeNumber } from "../../domain/Settings.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { fit, makeDialect } from "../database/Dialect.ts"
import { AuditRow, auditColumns } from "./AuditRow.ts"

export interface NewAuditEntry {
  /** null: nobody who is known, or the command line */
  readonly actor: Actor | null
  readonly action: AuditAction
  readonly target?: AuditTarget | undefined
  readonly result?: AuditResult | undefined
  readonly details?: AuditDetails | undefined
}

export interface AuditFilter {
  readonly userId?: UserId | undefined
  readonly action?: AuditAction | undefined
  readonly result?: AuditResult | undefined
  readonly target?: AuditTarget | undefined
  /** only entries with a smaller id */
  readonly before?: number | undefined
  readonly limit: number
}

/** The `audit_log` table: who did what, when, from where, and how it ended. Entries are added and, after their time, removed. */
export class AuditLog extends Context.Tag("whatsapp-service/AuditLog")<AuditLog, {
  /** Joins the caller's transaction. */
  readonly record: (entry: NewAuditEntry) => Effect.Effect<void, StorageUnavailable>
  /** The change and its entry, both or neither. The change may run again if another transaction was in the way. */
  readonly with: <A, E, R>(change: Effect.Effect<A, E, R>, entry: (result: A) => NewAuditEntry) => Effect.Effect<A, E | StorageUnavailable, R>
  /** Newest first. */
  readonly list: (filter: AuditFilter) => Effect.Effect<ReadonlyArray<AuditEntry>, StorageUnavailable>
  /** Removes at most `limit` entries whose time is over; answers how many. */
  readonly prune: (limit: number) => Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    AuditLog,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      const kept = Duration.days(yield* wholeNumber("AUDIT_RETENTION_DAYS", { from: 1, to: 36_500, fallback: 365 }))
      const columns = sql.literal(auditColumns)

      const record = Effect.fn("AuditLog.record")(function*({ action, actor, details, result, target }: NewAuditEntry) {
        const { address, userAgent } = yield* Origin
        yield* sql`INSERT INTO audit_log ${
          sql.insert({
            at: yield* Clock.currentTimeMillis,
            userId: actor?.userId ?? null,
            username: actor?.username ?? null,
            apiKey: actor?.apiKey ?? null,
            action,
            targetType: target?.type ?? null,
            targetId: fit(target?.id ?? null, 64),
            result: result ?? "success",
            address: fit(address, 64),
            userAgent: fit(userAgent, 255),
            details: details === undefined ? null : yield* encodeDetails(details)
          })
        }`
      }, atBoundary)

      const find = SqlSchema.findAll({
        Request: Schema.Any,
        Result: AuditRow,
        execute: (filter: AuditFilter) =>
          sql`SELECT ${columns} FROM audit_log WHERE ${
            sql.and([
              sql`id < ${filter.before ?? Number.MAX_SAFE_INTEGER}`,
              ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
              ...(filter.action === undefined ? [] : [sql`action = ${filter.action}`]),
              ...(filter.result === undefined ? [] : [sql`result = ${filter.result}`]),
              ...(filter.target === undefined ? [] : [sql`target_type = ${filter.target.type}`, sql`target_id = ${filter.target.id}`])
            ])
          } ORDER BY id DESC ${dialect.limit(filter.limit)}`
      })

      const prune = Effect.fn("AuditLog.prune")(function*(rows: number) {
        const oldest = (yield* Clock.currentTimeMillis) - Duration.toMillis(kept)
        const ids = yield* sql`SELECT id FROM audit_log WHERE at < ${oldest} ORDER BY at ${dialect.limit(rows)}`.pipe(
          Effect.flatMap(Schema.decodeUnknown(Ids))
        )
        if (ids.length > 0) yield* sql`DELETE FROM audit_log WHERE ${sql.in("id", ids.map(({ id }) => id))}`
        return ids.length
      }, atBoundary)

      yield* prune(pruned).pipe(
        Effect.repeat({ until: (removed) => removed < pruned }),
        Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Old audit entries were not removed", error)),
        Effect.repeat(pruning),
        Effect.forkScoped
      )

      return AuditLog.of({
        record,
        with: (change, entry) =>
          Effect.tap(change, (result) => record(entry(result))).pipe(sql.withTransaction, retryConflicts, atBoundary),
        list: Effect.fn("AuditLog.list")(find, atBoundary),
        prune
      })
    })
  )
}

const Ids = Schema.Array(Schema.Struct({ id: Schema.Int }))
const encodeDetails = Schema.encode(Schema.parseJson(AuditDetails))
const pruned = 500
const pruning = Schedule.jittered(Schedule.spaced("1 hour"))
