import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { expect } from "vitest"
import * as Migrations from "../../src/sql/migrations/Migrations.ts"
import { describeDatabases, SharedDatabase } from "../support/databases.ts"

const all = [
  "0001_initial", "0002_accounts", "0003_statistics", "0004_message_kinds", "0005_leases", "0006_groups", "0007_media", "0008_jobs",
  "0009_webhooks", "0010_pacing", "0011_webhook_formats", "0012_job_files"
]
const script = new URL("migrate.ts", import.meta.url).pathname
const counters = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id, last_event_id FROM event_counter`)
const configured = (values: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

describeDatabases("Migrations", (database) => {
  it.effect("an empty database is brought up to date once", () =>
    Effect.gen(function*() {
      expect(yield* Migrations.pending).toEqual(all)
      expect(yield* Migrations.run).toEqual(all)
      expect(yield* Migrations.pending).toEqual([])
      expect(yield* Migrations.run).toEqual([])
      expect(yield* counters).toEqual([{ id: 1, lastEventId: 0 }])
    }).pipe(Effect.provide(database.empty)))

  it.effect("a start that was cut off anywhere is taken up again", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* Migrations.run
      yield* sql`DELETE FROM effect_sql_migrations`
      yield* sql`DROP TABLE event_counter`
      yield* sql`DROP TABLE events`
      expect(yield* Migrations.run).toEqual(all)
      expect(yield* counters).toHaveLength(1)
    }).pipe(Effect.provide(database.empty)))

  it.live("two clients at once: one of them does it", () =>
    Effect.gen(function*() {
      const { client } = yield* SharedDatabase
      const both = yield* Effect.all([Layer.build(client), Layer.build(client)])
      const done = yield* Effect.forEach(both, (context) => Effect.provide(Migrations.run, context), { concurrency: 2 })
      expect(done.toSorted((one, other) => one.length - other.length)).toEqual([[], all])
      expect(yield* Effect.provide(counters, both[0])).toHaveLength(1)
    }).pipe(Effect.scoped, Effect.provide(database.shared)))

  it.live("two processes at once: one of them does it", () =>
    Effect.gen(function*() {
      const { client, environment } = yield* SharedDatabase
      const process_ = Effect.promise(() =>
        promisify(execFile)(process.execPath, ["--no-warnings", script], { env: { ...process.env, ...environment } })
      )
      const outputs = yield* Effect.all([process_, process_], { concurrency: 2 })
      const done = outputs.map(({ stdout }) => /^DONE (.*)$/m.exec(stdout)?.[1])
      expect(done.toSorted()).toEqual([JSON.stringify(all), "[]"].toSorted())
      expect(yield* Effect.provide(counters, client)).toHaveLength(1)
    }).pipe(Effect.scoped, Effect.provide(database.shared)), 60_000)

  it.effect("with AUTO_CREATE_TABLES=false the start refuses and says what to do", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const start = (values: Readonly<Record<string, string>>) =>
        Effect.scoped(Layer.build(Migrations.layer.pipe(
          Layer.provide(configured(values)),
          Layer.provide(Layer.succeedContext(Context.make(SqlClient.SqlClient, sql)))
        )))
      const refused = yield* Effect.flip(start({ AUTO_CREATE_TABLES: "false" }))
      expect(refused).toMatchObject({ _tag: "MigrationsPending" })
      expect(`${refused.message}`).toContain("npm run migrate")
      yield* start({})
      yield* start({ AUTO_CREATE_TABLES: "false" })
    }).pipe(Effect.provide(database.empty)))

  if (database.name === "SQLite") return
  it.effect("the database of others' tables compares byte by byte from then on", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`ALTER DATABASE COLLATE utf8mb4_general_ci`.unprepared
      yield* Migrations.run
      expect(yield* sql`SELECT @@collation_database AS name`).toEqual([{ name: "utf8mb4_bin" }])
    }).pipe(Effect.provide(database.empty)))
})
