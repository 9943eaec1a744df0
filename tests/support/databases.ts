import { SqlClient } from "@effect/sql"
import { Duration, Effect, Layer, Redacted, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe } from "vitest"
import { mysql, type MysqlOptions, sqlite } from "../../src/sql/database/Database.ts"
import * as Migrations from "../../src/sql/migrations/Migrations.ts"

export interface TestDatabase {
  readonly name: "SQLite" | "MySQL"
  /** a fresh, empty database for as long as the layer lives */
  readonly empty: Layer.Layer<SqlClient.SqlClient>
  /** the same with all tables */
  readonly layer: Layer.Layer<SqlClient.SqlClient>
  /** an empty database that several clients may open: what opens it, once it is there */
  readonly shared: Layer.Layer<SharedDatabase>
}

/** Opens one more client of a database, as another process would. */
export class SharedDatabase extends Effect.Tag("test/SharedDatabase")<SharedDatabase, {
  readonly client: Layer.Layer<SqlClient.SqlClient>
  /** names it to a process */
  readonly environment: Readonly<Record<string, string>>
}>() {}

const server = new URL(process.env["TEST_MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/")

export const mysqlOptions = (database: string | undefined): MysqlOptions => ({
  host: server.hostname,
  port: Number(server.port || 3306),
  user: decodeURIComponent(server.username),
  password: server.password === "" ? undefined : Redacted.make(decodeURIComponent(server.password)),
  database,
  tls: false,
  poolSize: 8,
  statementTimeout: Duration.seconds(20)
})

const onServer = (statement: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(mysql(mysqlOptions(undefined))),
    Effect.orDie
  )

const temporaryFile = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "wa-test-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true }))
).pipe(Effect.map((folder) => join(folder, "test.db")))

/** The name of a database that is not there; if a test makes it, it is dropped. */
export const absentName = Effect.acquireRelease(
  Effect.sync(() => `wa_test_${randomBytes(6).toString("hex")}`),
  (name) => onServer(`DROP DATABASE IF EXISTS ${name}`)
)

const temporaryName = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `wa_test_${randomBytes(6).toString("hex")}`
    return Effect.as(onServer(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`), name)
  }),
  (name) => onServer(`DROP DATABASE ${name}`)
)

const database = (
  name: TestDatabase["name"],
  client: Layer.Layer<SqlClient.SqlClient, unknown>,
  shared: Layer.Layer<SharedDatabase>
): TestDatabase => {
  const empty = Layer.orDie(client)
  return {
    name,
    empty,
    layer: Layer.provideMerge(Layer.orDie(Layer.effectDiscard(Migrations.run)), empty),
    shared
  }
}

const sharedBy = (
  place: Effect.Effect<string, never, Scope.Scope>,
  open: (place: string) => Layer.Layer<SqlClient.SqlClient, unknown>,
  url: (place: string) => string
) =>
  Layer.scoped(
    SharedDatabase,
    Effect.map(place, (where) => ({
      client: Layer.orDie(Layer.fresh(open(where))),
      environment: { DATABASE_URL: url(where) }
    }))
  )

const openSqlite = (file: string) => sqlite(file)
const onSqlite = database(
  "SQLite",
  Layer.unwrapScoped(Effect.map(temporaryFile, openSqlite)),
  sharedBy(temporaryFile, openSqlite, (file) => `sqlite:${file}`)
)
const openMysql = (name: string) => mysql(mysqlOptions(name))
const onMysql = database(
  "MySQL",
  Layer.unwrapScoped(Effect.map(temporaryName, openMysql)),
  sharedBy(temporaryName, openMysql, (name) => new URL(`/${name}`, server).toString())
)

export const mysqlAnswers = await Effect.runPromise(
  Effect.isSuccess(Effect.provide(SqlClient.SqlClient, mysql(mysqlOptions(undefined))))
)

export const databases: ReadonlyArray<TestDatabase> = mysqlAnswers ? [onSqlite, onMysql] : [onSqlite]

/** One suite for every database there is. In CI a missing MySQL is a failure. */
export const describeDatabases = (name: string, suite: (database: TestDatabase) => void) => {
  if (!mysqlAnswers && process.env["CI"] === "true") throw new Error(`no MySQL answers at ${server.host}, and in CI it must`)
  process.stdout.write(`${name}: on ${databases.map((each) => each.name).join(" and ")}\n`)
  for (const each of databases) {
    describe(`${name} (${each.name})`, () => {
      suite(each)
    })
  }
}
