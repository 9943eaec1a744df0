import { SqlClient } from "@effect/sql"
import { Effect } from "effect"

/** What only a request that is accepted adds to; others grow by themselves, or with a refusal. */
const tables = [
  "users", "whatsapp_sessions", "messages", "message_changes", "message_media", "media_files", "jobs", "job_recipients", "opt_outs", "schedules",
  "schedule_slots", "api_keys", "event_tickets", "webhooks", "webhook_secrets"
]

/** Rows by table, such as `{ users: 2 }`. */
export const rowCounts = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<Record<string, number>>(`SELECT ${tables.map((name) => `(SELECT COUNT(*) FROM ${name}) AS ${name}`).join(", ")}`)
  return Object.fromEntries(Object.entries(rows[0]!).map(([name, count]) => [name, Number(count)]))
})

const halves = {
  "a job without all its recipients": "SELECT COUNT(*) FROM jobs j WHERE j.total <> (SELECT COUNT(*) FROM job_recipients r WHERE r.job_row = j.id)",
  "recipients without their job": "SELECT COUNT(*) FROM job_recipients r WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.job_row)",
  "a webhook without a secret": "SELECT COUNT(*) FROM webhooks w WHERE NOT EXISTS (SELECT 1 FROM webhook_secrets s WHERE s.webhook_id = w.id)",
  "a secret without its webhook": "SELECT COUNT(*) FROM webhook_secrets s WHERE NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = s.webhook_id)",
  "media without its message": "SELECT COUNT(*) FROM message_media x WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = x.message_row)",
  "a file that never became whole": "SELECT COUNT(*) FROM media_files WHERE ready = 0",
  "a device without an owner": "SELECT COUNT(*) FROM whatsapp_sessions s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id)"
}

/** Names what is half written; empty if nothing is. */
export const halfWritten = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const counted = yield* Effect.forEach(Object.entries(halves), ([name, query]) =>
    Effect.map(sql.unsafe<{ readonly count: number }>(query.replace("COUNT(*)", "COUNT(*) AS count")), ([row]) => ({ name, count: Number(row!.count) })))
  return counted.filter(({ count }) => count > 0)
})
