import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, DateTime, Effect, Layer, Schema } from "effect"
import { DeviceStatus } from "../../domain/Device.ts"
import { changeTypes } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

const Count = Schema.Int

/** The whole service in a few numbers. What would take a count over a table without end is bounded or estimated. */
export const Figures = Schema.Struct({
  users: Schema.Struct({ total: Count, active: Count, admins: Count }),
  devices: Schema.Struct({
    total: Count,
    connected: Count,
    byStatus: Schema.Record({ key: DeviceStatus, value: Count })
  }),
  messages: Schema.Struct({
    /** an estimate from row ids: at least as many as there are */
    estimatedTotal: Count,
    /** waiting to be sent; at most 10000 are counted */
    queued: Count,
    /** those of the last 24 hours among the newest 10000 */
    lastDay: Schema.Struct({
      since: Schema.DateTimeUtc,
      incoming: Count,
      outgoing: Count,
      failed: Count,
      /** false: there were more than were looked at */
      isExact: Schema.Boolean
    })
  }),
  contacts: Schema.Struct({ estimatedTotal: Count })
}).annotations({ identifier: "GlobalStatistics" })
export type Figures = typeof Figures.Type

const most = 10_000
const day = 86_400_000

export class GlobalFigures extends Context.Tag("whatsapp-service/GlobalFigures")<GlobalFigures, {
  readonly read: Effect.Effect<Figures, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    GlobalFigures,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      // what changes a message is none by itself
      const shown = sql`message_type NOT IN ${sql.in(changeTypes)}`

      const users = SqlSchema.single({
        Request: Schema.Void,
        Result: Figures.fields.users,
        execute: () =>
          sql`SELECT COUNT(*) AS total, COUNT(CASE WHEN is_active = 1 THEN 1 END) AS active,
            COUNT(CASE WHEN is_active = 1 AND role = 'admin' THEN 1 END) AS admins FROM users`
      })
      const devices = SqlSchema.findAll({
        Request: Schema.Void,
        Result: Schema.Struct({ status: DeviceStatus, count: Count }),
        execute: () => sql`SELECT status, COUNT(*) AS count FROM whatsapp_sessions WHERE wanted <> 'deleted' GROUP BY status`
      })
      const stored = SqlSchema.single({
        Request: Schema.Literal("messages", "contacts"),
        Result: Schema.Struct({ estimate: Count }),
        // each by itself: SQLite finds both ends of an index at once only where one is asked for
        execute: (table) =>
          sql`SELECT COALESCE((SELECT MAX(id) FROM ${sql(table)}) - (SELECT MIN(id) FROM ${sql(table)}) + 1, 0) AS estimate`
      })
      const queued = SqlSchema.single({
        Request: Schema.Void,
        Result: Schema.Struct({ count: Count }),
        execute: () =>
          sql`SELECT COUNT(*) AS count FROM (SELECT id FROM messages ${dialect.through("messages_lane")}
            WHERE queue IS NOT NULL ${dialect.limit(most)}) AS waiting`
      })
      const newest = SqlSchema.single({
        Request: Schema.Number,
        Result: Schema.Struct({ incoming: Count, outgoing: Count, failed: Count, recent: Count }),
        execute: (since) =>
          sql`SELECT COUNT(CASE WHEN direction = 'incoming' THEN 1 END) AS incoming,
            COUNT(CASE WHEN direction = 'outgoing' AND ${shown} THEN 1 END) AS outgoing,
            COUNT(CASE WHEN status = 'failed' AND ${shown} THEN 1 END) AS failed, COUNT(*) AS recent
            FROM (SELECT direction, status, message_type, created_at FROM messages ORDER BY id DESC ${dialect.limit(most)}) AS newest
            WHERE created_at >= ${since}`
      })

      const read = Effect.gen(function*() {
        const since = (yield* Clock.currentTimeMillis) - day
        const byStatus = new Map((yield* devices()).map(({ count, status }) => [status, count]))
        const countOf = (status: DeviceStatus) => byStatus.get(status) ?? 0
        const { recent, ...lastDay } = yield* newest(since)
        const figures: Figures = {
          users: yield* users(),
          devices: {
            total: [...byStatus.values()].reduce((sum, count) => sum + count, 0),
            connected: countOf("connected"),
            byStatus: {
              disconnected: countOf("disconnected"),
              connecting: countOf("connecting"),
              qr_required: countOf("qr_required"),
              connected: countOf("connected")
            }
          },
          messages: {
            estimatedTotal: (yield* stored("messages")).estimate,
            queued: (yield* queued()).count,
            lastDay: { ...lastDay, since: DateTime.unsafeMake(since), isExact: recent < most }
          },
          contacts: { estimatedTotal: (yield* stored("contacts")).estimate }
        }
        return figures
      }).pipe(Effect.catchTag("NoSuchElementException", Effect.die), atBoundary, Effect.withSpan("GlobalFigures.read"))

      return GlobalFigures.of({ read })
    })
  )
}
