import { SqlClient } from "@effect/sql"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Schedule, Schema } from "effect"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { autoCreate } from "../database/DatabaseTarget.ts"
import initial from "./0001_initial.ts"
import accounts from "./0002_accounts.ts"
import statistics from "./0003_statistics.ts"
import messageKinds from "./0004_message_kinds.ts"
import leases from "./0005_leases.ts"
import groups from "./0006_groups.ts"
import media from "./0007_media.ts"
import jobs from "./0008_jobs.ts"
import webhooks from "./0009_webhooks.ts"
import pacing from "./0010_pacing.ts"
import webhookFormats from "./0011_webhook_formats.ts"
import jobFiles from "./0012_job_files.ts"

/** A step of the database's layout could not be made; `message` is one line for a person. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  migration: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    const why = this.cause instanceof Error && this.cause.cause instanceof Error ? this.cause.cause : this.cause
    return `The migration ${this.migration} failed: ${why instanceof Error ? why.message : `${why}`}`
  }
}

export class MigrationsPending extends Schema.TaggedError<MigrationsPending>()("MigrationsPending", {
  migrations: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The database lacks ${this.migrations.join(", ")}, and AUTO_CREATE_TABLES is false: run "npm run migrate".`
  }
}

/** In their order; a name never changes once it is released. A migration can be repeated after it was cut off. */
const migrations: Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>> = {
  "0001_initial": initial,
  "0002_accounts": accounts,
  "0003_statistics": statistics,
  "0004_message_kinds": messageKinds,
  "0005_leases": leases,
  "0006_groups": groups,
  "0007_media": media,
  "0008_jobs": jobs,
  "0009_webhooks": webhooks,
  "0010_pacing": pacing,
  "0011_webhook_formats": webhookFormats,
  "0012_job_files": jobFiles
}

// the table of the library's own Migrator; that one notes a migration before it runs, and on MySQL, where every CREATE
// TABLE commits, a start that was cut off would count as done
const table = "effect_sql_migrations"
const idOf = (name: string) => Number(name.split("_")[0])

const Applied = Schema.Array(Schema.Struct({ id: Schema.Int }))

const applied = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql.onDialectOrElse({
    mysql: () =>
      sql`SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ${table}`,
    orElse: () => sql`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ${table}`
  })
  if (tables.length === 0) return new Set<number>()
  const rows = yield* sql`SELECT migration_id AS id FROM ${sql(table)}`
  return new Set((yield* Schema.decodeUnknown(Applied)(rows)).map((row) => row.id))
})

const missing = Effect.map(applied, (ids) => Object.entries(migrations).filter(([name]) => !ids.has(idOf(name))))

/** What `run` would do, in order. */
export const pending = Effect.map(missing, (rest) => rest.map(([name]) => name)).pipe(atBoundary)

const apply = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS ${table} (
    migration_id INTEGER NOT NULL PRIMARY KEY,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    name VARCHAR(255) NOT NULL
  )`)
  const rest = yield* missing
  for (const [name, migration] of rest) {
    yield* Effect.mapError(migration, (cause) => new MigrationFailed({ migration: name, cause }))
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ migrationId: idOf(name), name })}`
    yield* Effect.logInfo(`migration ${name} done`)
  }
  return rest.map(([name]) => name)
})

class Busy extends Schema.TaggedError<Busy>()("MigrationBusy", {}) {}
const Got = Schema.Tuple(Schema.Struct({ got: Schema.NullOr(Schema.Int) }))

/** MySQL's lock is the connection's, and DDL ends transactions: the lock is what keeps two processes apart. */
const withMysqlLock = <A, E, R>(sql: SqlClient.SqlClient, effect: Effect.Effect<A, E, R>) => {
  const name = sql.literal("CONCAT('migrate_', MD5(DATABASE()))")
  const get = sql`SELECT GET_LOCK(${name}, 1) AS got`.pipe(
    Effect.flatMap(Schema.decodeUnknown(Got)),
    Effect.filterOrFail(([{ got }]) => got === 1, () => new Busy()),
    Effect.retry({ while: (error) => error._tag === "MigrationBusy", schedule: Schedule.recurs(300) }),
    Effect.catchTag("MigrationBusy", (busy) => new MigrationFailed({ migration: "lock", cause: busy }))
  )
  return sql.withTransaction(
    Effect.acquireUseRelease(get, () => effect, () => Effect.ignore(sql`SELECT RELEASE_LOCK(${name})`))
  )
}

/** Tables that do not name a collation take the database's, and keys that differ in case alone must differ. */
const compareBytes = (sql: SqlClient.SqlClient) =>
  sql`ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`.unprepared.pipe(
    Effect.catchAll((error) => Effect.logWarning("the database's collation is not utf8mb4_bin and cannot be changed", error)),
    Effect.whenEffect(Effect.map(sql`SELECT @@collation_database AS name`, ([row]) => row?.["name"] !== "utf8mb4_bin"))
  )

/** Brings the database up to date; answers what it did. Safe when several processes start at once. */
export const run = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.onDialectOrElse({
    mysql: () => withMysqlLock(sql, Effect.zipRight(compareBytes(sql), apply)),
    orElse: () => retryConflicts(sql.withTransaction(apply))
  })).pipe(atBoundary)

/** At the start: brings the database up to date, or with `AUTO_CREATE_TABLES=false` refuses one that is not. */
export const layer = Layer.effectDiscard(Effect.gen(function*() {
  if (yield* autoCreate) return yield* Effect.asVoid(run)
  const rest = yield* pending
  if (rest.length > 0) return yield* new MigrationsPending({ migrations: rest })
}))
