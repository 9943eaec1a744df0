import { SqlClient } from "@effect/sql"
import { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Effect, Option, Predicate, Record, Schema, String } from "effect"

const Inserted = Schema.Struct({ insertId: Schema.Number })
const Returned = Schema.Tuple(Schema.Struct({ value: Schema.Number }))

/** All in which SQLite and MySQL differ, for the repositories. */
export const makeDialect = Effect.map(SqlClient.SqlClient, (sql) => {
  const onMysql = sql.onDialectOrElse({ mysql: () => true, orElse: () => false })

  /** `UPDATE table SET column = column + by WHERE condition`, answering the new value; the row stays locked. */
  const advance = Effect.fnUntraced(function*(table: string, column: string, by: number, condition: Fragment) {
    if (onMysql) {
      const result = yield* sql`UPDATE ${sql(table)} SET ${sql(column)} = LAST_INSERT_ID(${sql(column)} + ${by}) WHERE ${condition}`.raw
      return (yield* Schema.decodeUnknown(Inserted)(result)).insertId
    }
    const rows = yield* sql`UPDATE ${sql(table)} SET ${sql(column)} = ${sql(column)} + ${by} WHERE ${condition} RETURNING ${sql(column)} AS value`
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

  return {
    onMysql,
    advance,
    insert,
    /** ends a SELECT whose rows stay locked until the commit; SQLite has one writer anyway */
    forUpdate: sql.literal(onMysql ? "FOR UPDATE" : ""),
    /** MySQL takes no bound number here */
    limit: (rows: number) => sql.literal(`LIMIT ${Math.max(0, Math.trunc(rows))}`)
  }
})
export type Dialect = Effect.Effect.Success<typeof makeDialect>

/** What both drivers bind as bytes. */
export const bytes = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

/** Cut to what a column takes; half a surrogate pair at the cut becomes U+FFFD, as it would on the wire. */
export function fit(text: string, length: number): string
export function fit(text: string | null, length: number): string | null
export function fit(text: string | null, length: number) {
  return text === null ? null : text.slice(0, length).toWellFormed()
}

const codeOf = (error: unknown): Option.Option<string | number> => {
  if (error instanceof SqlError) return codeOf(error.cause)
  if (Predicate.hasProperty(error, "errno") && Predicate.isNumber(error.errno)) return Option.some(error.errno)
  return Predicate.hasProperty(error, "code") && Predicate.isString(error.code) ? Option.some(error.code) : Option.none()
}

const conflicts: ReadonlyArray<string | number> = [
  // MySQL: deadlock, lock wait time-out, changed since the snapshot (MariaDB)
  1213, 1205, 1020,
  "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"
]
/** Another transaction was in the way: the same again may well succeed. */
export const isConflict = (error: unknown): boolean => Option.exists(codeOf(error), (code) => conflicts.includes(code))

const duplicates: ReadonlyArray<string | number> = [1062, "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"]
/** A unique key has this value already. */
export const isDuplicate = (error: unknown): boolean =>
  Option.exists(codeOf(error), (code) => duplicates.includes(code))
