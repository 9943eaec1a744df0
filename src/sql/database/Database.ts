import { Reactivity } from "@effect/experimental"
import { SqlClient } from "@effect/sql"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { MysqlClient } from "@effect/sql-mysql2"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Duration, Effect, Layer, Option, type Redacted, Schema, String } from "effect"
import { mkdir } from "node:fs/promises"
import { connect } from "node:net"
import { dirname } from "node:path"
import { duration, wholeNumber } from "../../domain/Settings.ts"
import { autoCreate, type DatabaseTarget, databaseTarget } from "./DatabaseTarget.ts"
import { codeOf } from "./Dialect.ts"
import { makeWithTransaction } from "./Transaction.ts"

/** The database named by the configuration cannot be opened; `message` is one line for a person. */
export class DatabaseUnreachable extends Schema.TaggedError<DatabaseUnreachable>()("DatabaseUnreachable", {
  variable: Schema.String,
  target: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `${this.variable}: the database ${this.target} cannot be opened: ${reasonOf(this.cause)}`
  }
}

export interface MysqlOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Redacted.Redacted | undefined
  readonly database: string | undefined
  readonly tls: boolean
  readonly poolSize: number
  /** a server that is silent for so long during a statement is given up, and its connection closed */
  readonly statementTimeout: Duration.Duration
}

/** The names of our own columns: the driver asks for each of them anew with every row. */
const remembered = (translate: (name: string) => string) => {
  const known = new Map<string, string>()
  return (name: string) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const translated = translate(name)
    known.set(name, translated)
    return translated
  }
}
const names = { transformQueryNames: remembered(String.camelToSnake), transformResultNames: remembered(String.snakeToCamel) }
const connectTimeout = Duration.seconds(5)
/** Shorter than any statement time-out that makes sense, so that an unused connection ends in order and not as a stall. */
const idleTimeout = Duration.seconds(5)
/** SQLite's driver keeps so many statements prepared; somewhat fewer are in use all the time. */
const mostPrepared = 500
/** Statements that wait for a free connection; beyond it they fail at once. */
const waitingStatements = 1000

/**
 * READ COMMITTED: a transaction that has waited for a row lock then reads what the lock's holder committed, where REPEATABLE
 * READ would show it the past (a stale epoch), and inserts take no gap locks, on which writers would deadlock. A process that is
 * frozen within a transaction must not keep its row locks from all others: the server ends it (idle connections are closed by
 * ourselves long before).
 */
const beginMysql =
  "SET SESSION innodb_lock_wait_timeout = 5, wait_timeout = 10; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION"

/**
 * The driver also remembers that a statement could not be prepared, although its cause, such as a full disk, may have gone: such a
 * one gets another text, which means the same. SQLite has one connection for all.
 */
const preparesAgain = (connection: Connection): void => {
  const renamed = new Map<string, string>()
  let failures = 0
  const again = <Rest extends ReadonlyArray<unknown>, A>(run: (sql: string, ...rest: Rest) => Effect.Effect<A, SqlError>) =>
    (sql: string, ...rest: Rest): Effect.Effect<A, SqlError> =>
      Effect.suspend(() => run(renamed.get(sql) ?? sql, ...rest)).pipe(Effect.catchIf(isUnprepared, () => {
        const other = `${sql} -- ${++failures}`
        if (renamed.size >= mostPrepared) renamed.clear()
        renamed.set(sql, other)
        return run(other, ...rest)
      }))
  const { execute, executeRaw, executeValues } = connection
  Object.assign(connection, { execute: again(execute), executeRaw: again(executeRaw), executeValues: again(executeValues) })
}
const isUnprepared = ({ message }: SqlError) => message.startsWith("Failed to prepare")

const withTransactions = <Client extends SqlClient.SqlClient>(client: Client, begin: string): SqlClient.SqlClient =>
  Object.assign(client, { withTransaction: makeWithTransaction(client, begin) })

/** A file, or `:memory:`. Its folder is made if it is missing, readable by the owner only. */
export const sqlite = (filename: string, variable = "DATA_DIR") =>
  Layer.scoped(
    SqlClient.SqlClient,
    Effect.gen(function*() {
      if (filename !== ":memory:") {
        yield* Effect.tryPromise(() => mkdir(dirname(filename), { recursive: true, mode: 0o700 }))
      }
      // for ever: the driver's cache never lets go of the key of a statement whose time is over
      const client = yield* SqliteClient.make({ filename, ...names, prepareCacheSize: mostPrepared, prepareCacheTTL: Duration.infinity })
      yield* Effect.scoped(Effect.map(client.reserve, preparesAgain))
      // the driver's own default in WAL mode may lose the last commits in a power cut
      yield* client.unsafe("PRAGMA synchronous = FULL")
      // short: the driver waits on the event loop's time; longer locks are waited for between the tries of a transaction
      yield* client.unsafe("PRAGMA busy_timeout = 100")
      // the write lock at once: a transaction that begins as a reader cannot wait for it, it fails
      return withTransactions(client, "BEGIN IMMEDIATE")
    }).pipe(
      // the driver throws when it cannot open the file
      Effect.catchAllDefect(Effect.fail),
      Effect.mapError((cause) => new DatabaseUnreachable({ variable, target: filename, cause }))
    )
  ).pipe(Layer.provide(Reactivity.layer))

export const mysql = (options: MysqlOptions, variable = "DATABASE_URL") =>
  Layer.scoped(
    SqlClient.SqlClient,
    MysqlClient.make({
      host: options.host,
      port: options.port,
      username: options.user,
      password: options.password,
      database: options.database,
      maxConnections: options.poolSize,
      connectionTTL: idleTimeout,
      poolConfig: {
        charset: "utf8mb4_bin",
        timezone: "Z",
        connectTimeout: Duration.toMillis(connectTimeout),
        queueLimit: waitingStatements,
        // the server bounds all connections' prepared statements together, by default at 16382
        maxPreparedStatements: 250,
        ...(options.tls ? { ssl: {} } : {}),
        stream: () => {
          const millis = Duration.toMillis(options.statementTimeout)
          const socket = connect(options.port, options.host)
          socket.setNoDelay(true)
          socket.setKeepAlive(true, 10_000)
          socket.setTimeout(millis, () => socket.destroy(new Error(`no answer from MySQL within ${millis} ms`)))
          return socket
        }
      },
      ...names
    }).pipe(
      Effect.map((client) => withTransactions(client, beginMysql)),
      Effect.mapError((cause) =>
        new DatabaseUnreachable({
          variable,
          target: `mysql://${options.host}:${options.port}/${options.database ?? ""}`,
          cause
        })
      )
    )
  ).pipe(Layer.provide(Reactivity.layer))

/** A database that is not there is made together with the tables. */
const mysqlOrNew = (options: MysqlOptions & { readonly database: string }, variable: string) =>
  Layer.catchAll(mysql(options, variable), (error) =>
    Option.contains(codeOf(error.cause), unknownDatabase)
      ? Layer.unwrapEffect(
        Effect.flatMap(SqlClient.SqlClient, (sql) =>
          sql.unsafe(
            `CREATE DATABASE IF NOT EXISTS \`${options.database.replaceAll("`", "``")}\`
              CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`
          )).pipe(
            Effect.provide(mysql({ ...options, database: undefined }, variable)),
            Effect.mapError(() => error),
            Effect.as(Layer.fresh(mysql(options, variable)))
          )
      )
      : Layer.fail(error))
const unknownDatabase = 1049

const open = (target: DatabaseTarget) =>
  target._tag === "Sqlite" ? sqlite(target.filename, target.variable) : Layer.unwrapEffect(
    Effect.gen(function*() {
      const poolSize = yield* wholeNumber("DB_POOL_SIZE", { from: 2, to: 200, fallback: 10 })
      const statementTimeout = yield* duration("DB_STATEMENT_TIMEOUT", "15 seconds")
      const make = (yield* autoCreate) ? mysqlOrNew : mysql
      return make({ ...target, poolSize, statementTimeout }, target.variable)
    })
  )

/** The database that the environment names: `DATABASE_URL`, or `DB_HOST` with its companions, or a file in `DATA_DIR`. */
export const layer = Layer.unwrapEffect(Effect.map(databaseTarget, open))

/** Drivers put the cause inside a cause; the innermost one says what happened. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return `${error}`
  if (error.cause !== undefined) return reasonOf(error.cause)
  // Node's error for a host with several addresses has no text of its own
  return error.message === "" && "code" in error ? `${error.code}` : error.message
}
