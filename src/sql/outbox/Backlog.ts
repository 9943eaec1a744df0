import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import { DeviceReason } from "../../domain/Device.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { Priority } from "./Priority.ts"

const Paused = Schema.Tuple(Schema.Struct({ count: Schema.Int }))
const Waiting = Schema.Array(Schema.Struct({ reason: Schema.NullOr(DeviceReason), count: Schema.Int }))
const Oldest = Schema.Tuple(Schema.Struct({ oldest: Schema.NullOr(Schema.Int) }))

/** What waits, in the whole database; each figure costs a look into an index per device, however long the queues are. */
export const makeBacklog = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  // a job's messages wait for one another by design
  const urgent = [Priority.interactive, Priority.scheduled]
  const priorities = sql.literal(urgent.map((priority) => `SELECT ${priority} AS priority`).join(" UNION ALL "))

  return {
    /** Devices that are wanted online and are not, by reason. */
    devices: sql`SELECT reason, COUNT(*) AS count FROM whatsapp_sessions
      WHERE wanted = 'online' AND status <> 'connected' GROUP BY reason`.pipe(
      Effect.flatMap(Schema.decodeUnknown(Waiting)),
      atBoundary
    ),
    /** Since when the message of no job has been due that has waited longest; null when none is due or put off. */
    outbox: sql`SELECT MIN(due) AS oldest FROM (
        SELECT (
          SELECT m.send_at FROM messages m ${dialect.through("messages_due")}
          WHERE m.queue = s.device_id AND m.priority = p.priority ORDER BY m.send_at LIMIT 1
        ) AS due FROM whatsapp_sessions s CROSS JOIN (${priorities}) p
      ) waiting`.pipe(Effect.flatMap(decodeOldest), atBoundary),
    /** When the oldest event that waits for a webhook was put there. */
    webhooks: sql`SELECT queued_at AS oldest FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
      WHERE d.status = 'pending' AND w.enabled = 1 ORDER BY d.event_id LIMIT 1`.pipe(
      Effect.flatMap((rows) => decodeOldest(rows.length === 0 ? [{ oldest: null }] : rows)),
      atBoundary
    ),
    /** Webhooks that have failed so often that they rest. */
    pausedWebhooks: sql`SELECT COUNT(*) AS count FROM webhooks WHERE enabled = 1 AND paused_until IS NOT NULL`.pipe(
      Effect.flatMap(Schema.decodeUnknown(Paused)),
      Effect.map(([{ count }]) => count),
      atBoundary
    ),
    /** When the oldest entry of the inbound journal came that has not become rows and events yet. */
    journal: sql`SELECT MIN(came) AS oldest FROM (
        SELECT (
          SELECT j.created_at FROM inbound_journal j ${dialect.through("inbound_journal_pending")}
          WHERE j.device_id = s.device_id AND j.done_at IS NULL ORDER BY j.id LIMIT 1
        ) AS came FROM whatsapp_sessions s
      ) waiting`.pipe(Effect.flatMap(decodeOldest), atBoundary)
  }
})

const decodeOldest = (rows: ReadonlyArray<unknown>) =>
  Effect.map(Schema.decodeUnknown(Oldest)(rows), ([row]) => row.oldest)
