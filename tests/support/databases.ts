import { SqlClient } from "@effect/sql"
import { Duration, Effect, Layer, Redacted, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "vitest"
import { mysql, type MysqlOptions, sqlite } from "../../src/sql/Database.ts"
import * as Migrations from "../../src/sql/Migrations.ts"

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

const sharedBy = <A>(
  place: Effect.Effect<A, never, Scope.Scope>,
  open: (place: A) => Layer.Layer<SqlClient.SqlClient, unknown>
) =>
  Layer.scoped(SharedDatabase, Effect.map(place, (where) => ({ client: Layer.orDie(Layer.fresh(open(where))) })))

const onSqlite = database(
  "SQLite",
  Layer.unwrapScoped(Effect.map(temporaryFile, (file) => sqlite(file))),
  sharedBy(temporaryFile, (file) => sqlite(file))
)
const onMysql = database(
  "MySQL",
  Layer.unwrapScoped(Effect.map(temporaryName, (name) => mysql(mysqlOptions(name)))),
  sharedBy(temporaryName, (name) => mysql(mysqlOptions(name)))
)

export const mysqlAnswers = await Effect.runPromise(
  Effect.isSuccess(Effect.provide(SqlClient.SqlClient, mysql(mysqlOptions(undefined))))
)

export const databases: ReadonlyArray<TestDatabase> = mysqlAnswers ? [onSqlite, onMysql] : [onSqlite]

/** One suite for every database there is. In CI a missing MySQL is a failure. */
export const describeDatabases = (name: string, suite: (database: TestDatabase) => void) => {
  process.stdout.write(`${name}: on ${databases.map((each) => each.name).join(" and ")}\n`)
  for (const each of databases) describe(`${name} (${each.name})`, () => suite(each))
  if (!mysqlAnswers && process.env["CI"] === "true") {
    it(`${name} (MySQL)`, () => {
      throw new Error(`no MySQL answers at ${server.host}, and in CI it must`)
    })
  }
}
