import { SqlClient } from "@effect/sql"
import { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import { Effect, Option, Predicate, Record, Schema, String } from "effect"
import { StorageUnavailable } from "../../domain/Storage.ts"

const Inserted = Schema.Struct({ insertId: Schema.Number })
const Affected = Schema.Union(Schema.Struct({ affectedRows: Schema.Int }), Schema.Struct({ changes: Schema.Int }))
const Returned = Schema.Tuple(Schema.Struct({ value: Schema.Number }))

/** All in which SQLite and MySQL differ, for the repositories. */
export const makeDialect = Effect.map(SqlClient.SqlClient, (sql) => {
  const onMysql = sql.onDialectOrElse({ mysql: () => true, orElse: () => false })

  /** `UPDATE table SET column = column + by WHERE condition`, answering the new value; the row stays locked. */
  const advance = Effect.fnUntraced(function*(table: string, column: string, by: number, condition: Fragment) {
    const [counters, counter] = [sql(table), sql(column)]
    if (onMysql) {
      const next = sql`LAST_INSERT_ID(${counter} + ${by})`
      const result = yield* sql`UPDATE ${counters} SET ${counter} = ${next} WHERE ${condition}`.raw
      return (yield* Schema.decodeUnknown(Inserted)(result)).insertId
    }
    const rows = yield* sql`UPDATE ${counters} SET ${counter} = ${counter} + ${by} WHERE ${condition}
      RETURNING ${counter} AS value`
    return (yield* Schema.decodeUnknown(Returned)(rows))[0].value
  })

  /** Inserts one row and answers its id. */
  const insert = Effect.fnUntraced(function*(table: string, row: { readonly [column: string]: unknown }) {
    if (onMysql) {
      // a raw statement's names are not translated
      const result = yield* sql`INSERT INTO ${sql(table)} ${sql.insert(Record.mapKeys(row, String.camelToSnake))}`.raw
      return (yield* Schema.decodeUnknown(Inserted)(result)).insertId
    }
    const rows = yield* sql`INSERT INTO ${sql(table)} ${sql.insert(row)} RETURNING id AS value`
    return (yield* Schema.decodeUnknown(Returned)(rows))[0].value
  })

  /** How many rows an UPDATE or DELETE met. */
  const affected = Effect.fnUntraced(function*(statement: Statement<unknown>) {
    const result = yield* Schema.decodeUnknown(Affected)(yield* statement.raw)
    return "changes" in result ? result.changes : result.affectedRows
  })

  return {
    onMysql,
    advance,
    affected,
    insert,
    /** begins an INSERT that passes over rows whose unique key is there already */
    insertNew: sql.literal(onMysql ? "INSERT IGNORE INTO" : "INSERT OR IGNORE INTO"),
    /** ends a SELECT whose rows stay locked until the commit; SQLite has one writer anyway */
    forUpdate: sql.literal(onMysql ? "FOR UPDATE" : ""),
    /** after a table's name: the statistics that would choose the index lag behind a queue that fills within seconds */
    through: (index: string) => sql.literal(onMysql ? `FORCE INDEX (${index})` : `INDEXED BY ${index}`),
    /** MySQL takes no bound number here */
    limit: (rows: number) => sql.literal(`LIMIT ${Math.max(0, Math.trunc(rows))}`)
  }
})
export type Dialect = Effect.Effect.Success<typeof makeDialect>

/** What both drivers bind as bytes. */
export const bytes = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

/** A pattern for `LIKE … ESCAPE '!'` that finds the text anywhere. */
export const contains = (text: string): string => `%${text.replaceAll(/[!%_]/g, "!$&")}%`

/** Cut to what a column takes; half a surrogate pair at the cut becomes U+FFFD, as it would on the wire. */
export function fit(text: string, length: number): string
export function fit(text: string | null, length: number): string | null
export function fit(text: string | null, length: number) {
  return text === null ? null : text.slice(0, length).toWellFormed()
}

/** MySQL's error number or SQLite's code, whatever the error is wrapped in. */
export const codeOf = (error: unknown): Option.Option<string | number> => {
  if (error instanceof SqlError || error instanceof StorageUnavailable) return codeOf(error.cause)
  if (Predicate.hasProperty(error, "errno") && Predicate.isNumber(error.errno)) return Option.some(error.errno)
  return Predicate.hasProperty(error, "code") && Predicate.isString(error.code) ? Option.some(error.code) : Option.none()
}

const conflicts = new Set<string | number>([
  // MySQL: deadlock, lock wait time-out, changed since the snapshot (MariaDB)
  1213, 1205, 1020,
  "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"
])
/** Another transaction was in the way: the same again may well succeed. */
export const isConflict = (error: unknown): boolean => Option.exists(codeOf(error), (code) => conflicts.has(code))

const refusals = new Set<string | number>([
  // MySQL: null, out of range, cut off, not of the type or character set, too long, refused by a trigger or check, too large
  1048, 1264, 1265, 1292, 1366, 1406, 1644, 3819, 4025, 1062, 1153,
  "SQLITE_TOOBIG", "SQLITE_MISMATCH", "SQLITE_RANGE"
])
/** The database works and will never take this: what is wrong is what was to be written. */
export const isRefusal = (error: unknown): boolean =>
  Option.match(codeOf(error), {
    // a driver refuses by itself what it cannot bind
    onNone: () => error instanceof SqlError || error instanceof StorageUnavailable ? isRefusal(error.cause) : error instanceof TypeError || error instanceof RangeError,
    onSome: (code) => refusals.has(code) || `${code}`.startsWith("SQLITE_CONSTRAINT")
  })

const disconnects = new Set(["ECONNRESET", "EPIPE", "PROTOCOL_CONNECTION_LOST"])
/** The connection has ended in the middle of a statement. */
export const isDisconnect = (error: unknown): boolean =>
  Predicate.hasProperty(error, "code") && Predicate.isString(error.code) && disconnects.has(error.code) ||
  Predicate.hasProperty(error, "cause") && isDisconnect(error.cause)

const duplicates = new Set<string | number>([1062, "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"])
/** A unique key has this value already. */
export const isDuplicate = (error: unknown): boolean =>
  Option.exists(codeOf(error), (code) => duplicates.has(code))
