import { SqlClient } from "@effect/sql"
import { SqlError } from "@effect/sql/SqlError"
import { it } from "@effect/vitest"
import { ConfigProvider, Context, Duration, Effect, Exit, Layer, Redacted } from "effect"
import { mkdtemp, rm, stat } from "node:fs/promises"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect } from "vitest"
import * as Database from "../../src/sql/database/Database.ts"
import { databaseTarget } from "../../src/sql/database/DatabaseTarget.ts"
import { absentName, describeDatabases, mysqlOptions, SharedDatabase } from "../support/databases.ts"

const configured = (values: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))
const target = (values: Readonly<Record<string, string>>) => Effect.provide(databaseTarget, configured(values))
const open = (values: Readonly<Record<string, string>>) =>
  Layer.build(Layer.provide(Layer.fresh(Database.layer), configured(values)))
const parts = { DB_HOST: "127.0.0.1", DB_NAME: "wa" }

describe("Configuration of the database", () => {
  it.effect("a file in DATA_DIR, unless MySQL is named by URL or by parts", () =>
    Effect.gen(function*() {
      expect(yield* target({})).toMatchObject({ _tag: "Sqlite", filename: "data/whatsapp.db" })
      expect(yield* target({ DATA_DIR: "/var/wa", DB_HOST: " " })).toMatchObject({ filename: "/var/wa/whatsapp.db" })
      expect(yield* target({ DATABASE_URL: "sqlite:some/file.db" })).toMatchObject({ filename: "some/file.db" })
      expect(yield* target({ DATABASE_URL: "sqlite:///abs/file.db" })).toMatchObject({ filename: "/abs/file.db" })
      expect(yield* target({ DATABASE_URL: "mysql://root@127.0.0.1:3306/name" })).toMatchObject({
        _tag: "Mysql", host: "127.0.0.1", port: 3306, user: "root", password: undefined, database: "name", tls: false
      })
      const full = yield* target({ DATABASE_URL: "mysql://me:p%40ss@db.example.org/wa?ssl=true", DB_HOST: "ignored" })
      expect(full).toMatchObject({ host: "db.example.org", port: 3306, user: "me", tls: true })
      expect(full._tag === "Mysql" && Redacted.value(full.password!)).toBe("p@ss")
      expect(yield* target({ DB_HOST: "db", DB_NAME: "wa", DB_PORT: "3307", DB_USER: "me", DB_PASSWORD: "x" })).toMatchObject({
        _tag: "Mysql", host: "db", port: 3307, user: "me", database: "wa"
      })
    }))

  const wrong: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
    ["DATABASE_URL", { DATABASE_URL: "postgres://me:secret@db/wa" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://me:secret@db" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://me:secret%@db/wa" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://me:secret@db:99999/wa" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://me:secret@db/wa?charset=latin1" }],
    ["DATABASE_URL", { DATABASE_URL: "sqlite:" }],
    ["DB_NAME", { DB_HOST: "db", DB_PASSWORD: "secret" }],
    ["DB_PORT", { DB_HOST: "db", DB_NAME: "wa", DB_PORT: "secret" }]
  ]
  for (const [variable, values] of wrong) {
    it.effect(`${JSON.stringify(values)} is refused in one line that names ${variable} and no secret`, () =>
      Effect.gen(function*() {
        const line = `${yield* Effect.flip(target(values))}`
        expect(line).toContain(variable)
        expect(line).not.toMatch(/\n|secret/)
      }))
  }

  it.scoped("a statement that could not be prepared works as soon as its cause is gone", () =>
    Effect.gen(function*() {
      const sql = Context.get(yield* Layer.build(Database.sqlite(":memory:")), SqlClient.SqlClient)
      const both = () => Effect.all([sql`SELECT n FROM late`, sql`INSERT INTO late VALUES (${1})`.raw])
      for (let time = 0; time < 3; time++) expect(yield* Effect.flip(both())).toBeInstanceOf(SqlError)
      yield* sql`CREATE TABLE late (n INTEGER)`
      for (let time = 0; time < 3; time++) {
        const [rows] = yield* both()
        expect(rows).toHaveLength(time)
      }
    }))

  it.scoped("the pool's size and the statement time-out are checked", () =>
    Effect.gen(function*() {
      expect(`${yield* Effect.flip(open({ ...parts, DB_POOL_SIZE: "0" }))}`).toContain("DB_POOL_SIZE")
      expect(`${yield* Effect.flip(open({ ...parts, DB_STATEMENT_TIMEOUT: "soon" }))}`).toContain("DB_STATEMENT_TIMEOUT")
    }))

  it.scopedLive("a MySQL that is not there is told in one line", () =>
    Effect.gen(function*() {
      const line = (yield* Effect.flip(open({ DATABASE_URL: "mysql://me:secret@127.0.0.1:1/wa" }))).message
      expect(line).toMatch(/^DATABASE_URL: the database mysql:\/\/127\.0\.0\.1:1\/wa cannot be opened: .*ECONNREFUSED/)
      expect(line).not.toMatch(/\n|secret/)
    }))

  it.scoped("the folder of the file is made for its owner alone, commits are flushed, and nonsense is an error", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "wa-test-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const data = join(folder, "a", "b")
      const context = yield* open({ DATA_DIR: data })
      expect((yield* Effect.promise(() => stat(data))).mode & 0o777).toBe(0o700)
      const pragmas = yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.all([sql`PRAGMA synchronous`, sql`PRAGMA journal_mode`])),
        context
      )
      expect(pragmas).toEqual([[{ synchronous: 2 }], [{ journalMode: "wal" }]])
      expect((yield* Effect.flip(open({ DATA_DIR: join(data, "whatsapp.db") }))).message).toMatch(/^DATA_DIR: .*whatsapp\.db/)
    }))
})

const table = Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe("CREATE TABLE notes (id INTEGER PRIMARY KEY, big BIGINT)"))
const notes = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id, big FROM notes ORDER BY id`)
const note = (id: number, big = 0) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO notes ${sql.insert({ id, big })}`)

describeDatabases("Database", (database) => {
  it.effect("a BIGINT is a number up to 2^53", () =>
    Effect.gen(function*() {
      yield* table
      yield* note(1, Number.MAX_SAFE_INTEGER)
      yield* note(2, -1)
      expect(yield* notes).toEqual([{ id: 1, big: Number.MAX_SAFE_INTEGER }, { id: 2, big: -1 }])
    }).pipe(Effect.provide(database.empty)))

  it.effect("after a savepoint that was lost nothing more is committed", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* table
      const lost = note(1).pipe(Effect.zipRight(sql`ROLLBACK`), Effect.zipRight(Effect.fail("no")), sql.withTransaction)
      const outer = yield* Effect.exit(sql.withTransaction(Effect.zipRight(Effect.ignore(lost), note(2))))
      expect(Exit.isFailure(outer) && outer.cause).toMatchObject({ _tag: "Fail", error: { _tag: "SqlError" } })
      expect(yield* notes).toEqual([])
      yield* sql.withTransaction(note(3))
      expect(yield* notes).toHaveLength(1)
    }).pipe(Effect.provide(database.empty)))

  if (database.name === "SQLite") {
    it.effect("a COMMIT that fails is an error, and the connection goes on", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* table
        yield* sql`PRAGMA foreign_keys = ON`
        yield* sql`CREATE TABLE replies (id INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)`
        expect(yield* Effect.flip(sql.withTransaction(sql`INSERT INTO replies VALUES (7)`))).toBeInstanceOf(SqlError)
        yield* sql.withTransaction(note(1))
        expect(yield* notes).toHaveLength(1)
        expect(yield* sql`SELECT id FROM replies`).toEqual([])
      }).pipe(Effect.provide(database.empty)))
    return
  }

  it.live("a statement that takes too long is an error, and so is a connection that was killed", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      expect(yield* Effect.flip(sql`SELECT SLEEP(5)`)).toBeInstanceOf(SqlError)
      expect(yield* Effect.flip(sql.withTransaction(sql`SELECT SLEEP(5)`))).toBeInstanceOf(SqlError)
      expect(yield* Effect.flip(sql.withTransaction(sql`KILL CONNECTION_ID()`.unprepared))).toBeInstanceOf(SqlError)
      expect(yield* sql`SELECT 1 AS one`).toEqual([{ one: 1 }])
    }).pipe(
      Effect.provide(Database.mysql({ ...mysqlOptions(undefined), statementTimeout: Duration.millis(300), poolSize: 2 }))
    ))

  it.scopedLive("a database that is not there yet is made, unless tables are not to be", () =>
    Effect.gen(function*() {
      const name = yield* absentName
      const { host, port, user } = mysqlOptions(name)
      const values = { DB_HOST: host, DB_PORT: `${port}`, DB_USER: user, DB_NAME: name }
      expect((yield* Effect.flip(open({ ...values, AUTO_CREATE_TABLES: "false" }))).message).toMatch(/^DB_HOST: .*Unknown database/)
      const sql = Context.get(yield* open(values), SqlClient.SqlClient)
      expect(yield* sql`SELECT @@collation_database AS name`).toEqual([{ name: "utf8mb4_bin" }])
    }))

  it.live("a server that takes the connection and says nothing is given up", () =>
    Effect.gen(function*() {
      const sockets: Array<Socket> = []
      const port = yield* Effect.acquireRelease(
        Effect.async<{ server: ReturnType<typeof createServer>; port: number }>((resume) => {
          const server = createServer((socket) => sockets.push(socket))
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed({ server, port: typeof address === "object" ? address!.port : 0 }))
          })
        }),
        ({ server }) => Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
      )
      const silent = Database.mysql({ ...mysqlOptions("x"), port: port.port, statementTimeout: Duration.millis(300) })
      expect((yield* Effect.flip(Layer.build(silent))).message).toContain("no answer from MySQL within 300 ms")
    }).pipe(Effect.scoped))

  it.effect("a transaction sees what others have committed meanwhile", () =>
    Effect.gen(function*() {
      const { client } = yield* SharedDatabase
      const [one, other] = yield* Effect.all([Layer.build(client), Layer.build(client)])
      yield* Effect.provide(table, one)
      const sql = yield* Effect.provide(SqlClient.SqlClient, one)
      yield* sql.withTransaction(Effect.gen(function*() {
        expect(yield* notes).toEqual([])
        yield* Effect.provide(note(1), other)
        expect(yield* notes).toHaveLength(1)
      })).pipe(Effect.provide(one))
    }).pipe(Effect.scoped, Effect.provide(database.shared)))
})
