import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import { atBoundary } from "../database/Boundary.ts"

/**
 * The last event before a time, by halving: ids have no gaps, and grow with the time but for what the clocks of several
 * processes differ. 0 when there is none.
 */
export const makeLastBefore = Effect.map(SqlClient.SqlClient, (sql) => {
  const edge = (order: "ASC" | "DESC") => sql`SELECT id, timestamp FROM events ORDER BY id ${sql.literal(order)} LIMIT 1`.pipe(Effect.flatMap(decode))

  return Effect.fn("EventTimes.lastBefore")(function*(millis: number) {
    const [oldest] = yield* edge("ASC")
    const [newest] = yield* edge("DESC")
    if (oldest === undefined || newest === undefined) return 0
    let [low, high] = [oldest.id, newest.id + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const [event] = yield* sql`SELECT id, timestamp FROM events WHERE id >= ${middle} ORDER BY id LIMIT 1`.pipe(Effect.flatMap(decode))
      if (event !== undefined && event.timestamp < millis) low = Math.max(event.id, middle) + 1
      else high = middle
    }
    return low - 1
  }, atBoundary)
})

const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, timestamp: Schema.Int })))
