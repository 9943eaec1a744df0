import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { hasErrno, makeLayout } from "./Layout.ts"

/** In whose shape an endpoint is told of events, and what it asks for before it takes any. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { bytes, key } = yield* makeLayout
  const column = (name: string, type: string) => {
    const add = sql.unsafe(`ALTER TABLE webhooks ADD COLUMN ${name} ${type}`)
    return sql.onDialectOrElse({
      // 1060: the column is there
      mysql: () => Effect.catchIf(add, hasErrno(1060), () => Effect.void),
      orElse: () =>
        Effect.unlessEffect(add, Effect.map(
          sql`SELECT name FROM pragma_table_info('webhooks') WHERE name = ${name}`,
          (rows) => rows.length > 0
        ))
    })
  }

  yield* column("format", `${key(16)} NOT NULL DEFAULT 'standard'`)
  // encrypted
  yield* column("verify_token", bytes)
})
