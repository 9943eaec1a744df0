import { SqlClient } from "@effect/sql"
import { DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"

const Positions = Schema.Array(Schema.Struct({ atSecond: Schema.Int }))

/** Where messages stand in time: by the second, and within it by row id. Messages are read as `k`. */
export const makeMessagePosition = Effect.map(SqlClient.SqlClient, (sql) => {
  /** A cursor whose row is gone, or was none, stands where the next row stands; behind the last one it bounds nothing. */
  const secondOfRow = Effect.fnUntraced(function*(deviceId: DeviceId, side: "<" | ">", id: number) {
    const own = yield* sql`SELECT at_second FROM messages WHERE id = ${id} AND device_id = ${deviceId}`
    const [beyond, order] = side === "<" ? [">", "ASC"] : ["<", "DESC"]
    const rows = own.length > 0 ? own : yield* sql`SELECT at_second FROM messages
      WHERE id ${sql.literal(beyond!)} ${id} ORDER BY id ${sql.literal(order!)} LIMIT 1`
    return (yield* Schema.decodeUnknown(Positions)(rows))[0]?.atSecond
  })

  return {
    secondOf: (at: DateTime.Utc) => Math.floor(DateTime.toEpochMillis(at) / 1000),
    beside: Effect.fnUntraced(function*(deviceId: DeviceId, side: "<" | ">", id: number) {
      const second = yield* secondOfRow(deviceId, side, id)
      if (second === undefined) return sql`1 = 1`
      const than = sql.literal(side)
      // the first condition is what the index is entered by
      return sql`k.at_second ${sql.literal(`${side}=`)} ${second} AND (k.at_second ${than} ${second} OR k.id ${than} ${id})`
    })
  }
})
