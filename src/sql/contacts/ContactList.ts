import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { atBoundary } from "../database/Boundary.ts"
import { contactColumns, decodeContacts } from "./ContactRow.ts"
import { contains, makeDialect } from "../database/Dialect.ts"

export const makeContactList = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const columns = sql.literal(contactColumns)
  // a column of the database's own making, LOWER(COALESCE(name, push_name, phone_number, lid, '')), for its index
  const sortKey = sql.literal("sort_name")

  const matches = (search: string) => {
    const pattern = contains(search)
    const lower = contains(search.toLowerCase())
    return sql.or([
      // SQLite's LOWER knows ASCII only: what it leaves is found as it is written
      sql`name LIKE ${pattern} ESCAPE '!'`,
      sql`LOWER(name) LIKE ${lower} ESCAPE '!'`,
      sql`push_name LIKE ${pattern} ESCAPE '!'`,
      sql`LOWER(push_name) LIKE ${lower} ESCAPE '!'`,
      sql`phone_number LIKE ${contains(search.replace(/^\+/, ""))} ESCAPE '!'`
    ])
  }

  return Effect.fn("Contacts.list")(function*(deviceId: DeviceId, options: {
    readonly search?: string | undefined
    readonly after?: number | undefined
    readonly limit: number
  }) {
    const search = options.search?.trim() ?? ""
    const keyOfAfter = sql`(SELECT ${sortKey} FROM contacts WHERE id = ${options.after ?? 0} AND device_id = ${deviceId})`
    const rows = yield* sql`SELECT ${columns} FROM contacts ${dialect.through("contacts_sorted")} WHERE ${
      sql.and([
        sql`device_id = ${deviceId}`,
        ...(search === "" ? [] : [matches(search)]),
        ...(options.after === undefined
          ? []
          : [sql`${sortKey} >= ${keyOfAfter} AND (${sortKey} > ${keyOfAfter} OR id > ${options.after})`])
      ])
    } ORDER BY ${sortKey}, id ${dialect.limit(options.limit)}`
    return yield* decodeContacts(rows)
  }, atBoundary)
})
