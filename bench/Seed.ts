import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import initial from "../src/sql/migrations/0001_initial.ts"
import * as Migrations from "../src/sql/migrations/Migrations.ts"

export const devices = 20
const chats = 500
/** every fifth conversation of a device, of four messages, is in its first chat */
const busy = 5
const days = 100
export const now = Date.UTC(2026, 0, 1)

/**
 * A company's messages: `count` of them over a hundred days and twenty devices of five hundred chats each, made by the
 * database itself. They are there before the migrations that index and count them, as at an update of a large installation.
 */
export const seed = Effect.fnUntraced(function*(count: number) {
  const sql = yield* SqlClient.SqlClient
  const div = (a: string, b: number) => sql.onDialectOrElse({ mysql: () => `(${a} DIV ${b})`, orElse: () => `(${a} / ${b})` })
  yield* initial
  yield* sql`INSERT INTO users (id, username, username_lower, email, password_hash, role, created_at, updated_at)
    VALUES (1, 'bench', 'bench', 'bench@example.org', '-', 'admin', 0, 0)`
  yield* sql`CREATE TABLE seed_numbers (n INTEGER NOT NULL PRIMARY KEY)`
  yield* sql`INSERT INTO seed_numbers VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)`
  for (let size = 10; size < count; size *= 10) {
    yield* sql`INSERT INTO seed_numbers SELECT a.n + ${size} * b.n FROM seed_numbers a, (SELECT n FROM seed_numbers WHERE n BETWEEN 1 AND 9) b`
  }
  yield* sql.unsafe(`INSERT INTO whatsapp_sessions
      (id, device_id, user_id, device_name, status, since, wanted, created_at, updated_at)
    SELECT n + 1, CONCAT('bench-', n), 1, 'Bench', 'disconnected', 0, 'offline', 0, 0 FROM seed_numbers WHERE n < ${devices}`)
  const person = `CONCAT('628', 1000000000 + n)`
  yield* sql.unsafe(`INSERT INTO contacts (id, user_id, device_id, jid, phone_number, name, created_at, updated_at)
    SELECT n + 1, 1, CONCAT('bench-', n % ${devices}), CONCAT(${person}, '@s.whatsapp.net'), ${person},
      CONCAT('Name ', (n * 7919) % 10007, ' Surname'), 0, 0
    FROM seed_numbers WHERE n < ${devices * chats}`)
  const device = `(n % ${devices})`
  const turn = div("n", devices * 4)
  const chat = `(CASE WHEN ${turn} % ${busy} = 0 THEN 0 ELSE (${turn} * 7919) % ${chats} END)`
  const contact = `(${chat} * ${devices} + ${device} + 1)`
  const at = `(${now - days * 86_400_000} + ${div(`n * ${days * 86_400}`, count)} * 1000)`
  const outgoing = `(${div("n", devices)} % 2 = 1)`
  const either = (yes: string, no: string) => `CASE WHEN ${outgoing} THEN ${yes} ELSE ${no} END`
  for (let from = 0; from < count; from += 50_000) {
    yield* sql.unsafe(`INSERT INTO messages
        (id, user_id, session_id, device_id, chat_key, sender_key, message_id, contact_id, from_number, to_number, message_type,
         content, direction, status, timestamp, sent_at, payload, created_at, updated_at)
      SELECT n + 1, 1, ${device} + 1, CONCAT('bench-', ${device}), CONCAT('c', ${contact}), ${either("'me'", "''")}, CONCAT('3EB0', n),
        ${contact}, '6281000000000', '6281000000001', CASE WHEN n % 10 = 0 THEN 'image' ELSE 'text' END,
        CONCAT('terima kasih pesanan kata', (n * 7919) % 20011, ' sudah kata', (n * 104729) % 5003, ' dikirim ke alamat rumah'),
        ${either("'outgoing'", "'incoming'")},
        ${either("CASE WHEN n % 101 = 0 THEN 'failed' ELSE 'read' END", "'delivered'")},
        ${at}, ${either(`CASE WHEN n % 101 = 0 THEN NULL ELSE ${at} END`, "NULL")}, '0123456789012345678901234567890123456789', ${at}, ${at}
      FROM seed_numbers WHERE n >= ${from} AND n < ${Math.min(count, from + 50_000)}`)
  }
  yield* sql`DROP TABLE seed_numbers`
  const started = performance.now()
  yield* Migrations.run
  return performance.now() - started
})
