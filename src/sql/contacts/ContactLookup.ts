import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { contactColumns, decodeContacts } from "./ContactRow.ts"

/** The contacts of a device that have one of these numbers' addresses or one of these LIDs. */
export const makeContactLookup = Effect.map(SqlClient.SqlClient, (sql) => {
  const columns = sql.literal(contactColumns)
  // two index look-ups; an OR over both keys would make MySQL read all the contacts of the device
  return Effect.fnUntraced(function*(deviceId: DeviceId, jids: ReadonlyArray<string>, lids: ReadonlyArray<string>) {
    const by = (key: "jid" | "lid", values: ReadonlyArray<string>) =>
      sql`SELECT ${columns} FROM contacts WHERE device_id = ${deviceId} AND ${sql.in(key, values)}`
    if (jids.length === 0 && lids.length === 0) return []
    if (jids.length === 0) return yield* decodeContacts(yield* by("lid", lids))
    if (lids.length === 0) return yield* decodeContacts(yield* by("jid", jids))
    return yield* decodeContacts(yield* sql`${by("jid", jids)} UNION ${by("lid", lids)}`)
  })
})
