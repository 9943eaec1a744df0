import { SqlClient } from "@effect/sql"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Predicate } from "effect"

/**
 * What migrations are written with. Times are BIGINT milliseconds since 1970 UTC, booleans 0 or 1, JSON is text: what SQLite,
 * MySQL 8 and MariaDB store and sort alike. Texts compare byte by byte (`utf8mb4_bin`); what must be unique regardless of
 * case has a lower-case column. Each step can be repeated: MySQL commits every one by itself, and a start that was cut off
 * goes through them again.
 */
export const makeLayout = Effect.map(SqlClient.SqlClient, (sql) => {
  const types = sql.onDialectOrElse({
    mysql: () => ({
      id: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      key: (length: number) => `VARCHAR(${length})`,
      text: "MEDIUMTEXT",
      bytes: "LONGBLOB",
      tail: " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    }),
    orElse: () => ({
      id: "INTEGER PRIMARY KEY AUTOINCREMENT",
      key: () => "TEXT",
      text: "TEXT",
      bytes: "BLOB",
      tail: ""
    })
  })
  return {
    ...types,
    table: (name: string, columns: ReadonlyArray<string>) =>
      sql.unsafe(`CREATE TABLE IF NOT EXISTS ${name} (${columns.join(", ")})${types.tail}`),
    /** Adds a column, unless it is there. */
    column: (on: string, name: string, type: string) => {
      const add = sql.unsafe(`ALTER TABLE ${on} ADD COLUMN ${name} ${type}`)
      return sql.onDialectOrElse({
        // 1060: the column is there
        mysql: () => Effect.catchIf(add, hasErrno(1060), () => Effect.void),
        orElse: () =>
          Effect.unlessEffect(add, Effect.map(
            // generated columns are in no other list
            sql`SELECT 1 AS found FROM pragma_table_xinfo(${on}) WHERE name = ${name}`,
            (rows) => rows.length > 0
          ))
      })
    },
    index: (name: string, on: string) =>
      sql.onDialectOrElse({
        // MySQL has no IF NOT EXISTS here; 1061: the index is there
        mysql: () => Effect.catchIf(sql.unsafe(`CREATE INDEX ${name} ON ${on}`), hasErrno(1061), () => Effect.void),
        orElse: () => sql.unsafe(`CREATE INDEX IF NOT EXISTS ${name} ON ${on}`)
      })
  }
})

export const hasErrno = (errno: number) => (error: SqlError) =>
  Predicate.hasProperty(error.cause, "errno") && error.cause.errno === errno
