import { SqlClient } from "@effect/sql"
import { Clock, type DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { day } from "../../domain/Pace.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import type { OutboxRow } from "./Outbox.ts"
import { Priority } from "./Priority.ts"

/** What a message that nothing else is wrong with may be held for, for hours or days. */
export const HoldReason = Schema.Literal("new_chats", "restriction")
export type HoldReason = typeof HoldReason.Type

/**
 * The statement of a hold. Whoever has written since the queue was asked is a stranger no more, and nobody would let his message
 * go again.
 */
export const holding = Effect.fnUntraced(
  function*(sql: SqlClient.SqlClient, rows: ReadonlyArray<OutboxRow>, why: HoldReason, until: DateTime.Utc) {
    if (rows.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const known = rows.flatMap(({ firstWroteAt, id }) => firstWroteAt === null ? [] : [id])
    yield* sql`UPDATE messages SET send_at = ${until.epochMillis}, held_for = ${why}, updated_at = ${now}
      WHERE ${sql.in("id", rows.map(({ id }) => id))} AND queue IS NOT NULL AND (${sql.in("id", known)} OR NOT EXISTS (
        SELECT 1 FROM contacts c WHERE c.id = messages.contact_id AND c.first_wrote_at IS NOT NULL
      ))`
  }
)

const minute = 60_000
const recently = 10 * minute
/** One by one, the newest; as many as can go in that time. */
const mostRecent = 6000

const Minutes = Schema.Array(Schema.Struct({ minute: Schema.Int, count: Schema.Int, opened: Schema.Int }))
const RecentRows = Schema.Array(Schema.Struct({ at: Schema.Int, chatKey: Schema.String, priority: Schema.NullOr(Schema.Int) }))

/** The pace that a device has kept, and what its pace holds back. */
export const makeOutboxPace = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const through = dialect.through("messages_claimed")
  const whole = sql.literal(dialect.onMysql ? `claimed_at DIV ${minute}` : `claimed_at / ${minute}`)

  return {
    hold: Effect.fn("Outbox.hold")(
      (rows: ReadonlyArray<OutboxRow>, why: HoldReason, until: DateTime.Utc) => holding(sql, rows, why, until),
      retryConflicts,
      atBoundary
    ),

    release: Effect.fn("Outbox.release")(function*(deviceId: DeviceId, why: HoldReason) {
      yield* sql`UPDATE messages SET send_at = due_at, held_for = NULL WHERE queue = ${deviceId} AND held_for = ${why}`
    }, retryConflicts, atBoundary),

    gone: Effect.fn("Outbox.gone")(function*(deviceId: DeviceId) {
      const now = yield* Clock.currentTimeMillis
      const minutes = yield* sql`SELECT ${whole} AS minute, COUNT(*) AS count,
          CAST(COALESCE(SUM(opens_chat), 0) AS SIGNED) AS opened
        FROM messages ${through} WHERE device_id = ${deviceId} AND claimed_at >= ${now - day - day / 96}
        GROUP BY ${whole} ORDER BY minute`
      const recent = yield* sql`SELECT claimed_at AS at, chat_key, priority FROM messages ${through}
        WHERE device_id = ${deviceId} AND claimed_at >= ${now - recently} ORDER BY claimed_at DESC ${dialect.limit(mostRecent)}`
      return {
        before: (yield* Schema.decodeUnknown(Minutes)(minutes)).map((row) => ({ at: row.minute * minute, count: row.count, opened: row.opened })),
        recent: (yield* Schema.decodeUnknown(RecentRows)(recent)).toReversed().map(({ at, chatKey, priority }) => ({
          at,
          chatKey,
          urgent: (priority ?? Priority.interactive) === Priority.interactive
        }))
      }
    }, atBoundary)
  }
})
