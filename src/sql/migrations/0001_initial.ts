import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { bytes, id, index, key, table, text } = yield* makeLayout

  yield* table("users", [
    `id ${id}`,
    `username ${key(64)} NOT NULL`,
    `username_lower ${key(64)} NOT NULL UNIQUE`,
    `email ${key(254)} NOT NULL UNIQUE`,
    `password_hash ${key(255)} NOT NULL`,
    `full_name ${key(255)}`,
    `role ${key(16)} NOT NULL`,
    "is_active INTEGER NOT NULL DEFAULT 1",
    "last_login BIGINT",
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL"
  ])

  yield* table("refresh_tokens", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    `family_id ${key(64)} NOT NULL`,
    `token_hash ${key(64)} NOT NULL UNIQUE`,
    "created_at BIGINT NOT NULL",
    "expires_at BIGINT NOT NULL",
    "used_at BIGINT",
    "revoked_at BIGINT"
  ])
  yield* index("refresh_tokens_family", "refresh_tokens (family_id)")
  yield* index("refresh_tokens_user", "refresh_tokens (user_id)")
  yield* index("refresh_tokens_expiry", "refresh_tokens (expires_at)")

  yield* table("login_throttle", [
    `throttle_key ${key(191)} NOT NULL PRIMARY KEY`,
    "failures INTEGER NOT NULL",
    "blocked_until BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL"
  ])

  yield* table("whatsapp_sessions", [
    `id ${id}`,
    `device_id ${key(64)} NOT NULL UNIQUE`,
    "user_id BIGINT NOT NULL",
    `device_name ${key(255)} NOT NULL`,
    `phone_number ${key(32)}`,
    `jid ${key(128)}`,
    `lid ${key(128)}`,
    `push_name ${key(255)}`,
    `status ${key(16)} NOT NULL`,
    `reason ${key(32)}`,
    `reason_text ${key(512)}`,
    "since BIGINT NOT NULL",
    "retry_at BIGINT",
    `restriction ${key(512)}`,
    `wanted ${key(16)} NOT NULL`,
    `qr ${key(1024)}`,
    "qr_expires_at BIGINT",
    `pairing_code ${key(16)}`,
    "pairing_code_expires_at BIGINT",
    "owner_epoch BIGINT NOT NULL DEFAULT 0",
    "event_sequence BIGINT NOT NULL DEFAULT 0",
    `proxy_url ${bytes}`,
    `browser_name ${key(64)}`,
    "last_seen BIGINT",
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL"
  ])
  yield* index("whatsapp_sessions_user", "whatsapp_sessions (user_id, id)")
  yield* index("whatsapp_sessions_wanted", "whatsapp_sessions (wanted, id)")

  yield* table("auth_state", [
    `device_id ${key(64)} NOT NULL`,
    `type ${key(32)} NOT NULL`,
    `id ${key(191)} NOT NULL`,
    `value ${bytes} NOT NULL`,
    "PRIMARY KEY (device_id, type, id)"
  ])

  yield* table("inbound_journal", [
    `id ${id}`,
    `device_id ${key(64)} NOT NULL`,
    `kind ${key(16)} NOT NULL`,
    `digest ${key(64)} NOT NULL`,
    `value ${bytes} NOT NULL`,
    "created_at BIGINT NOT NULL",
    "done_at BIGINT",
    "UNIQUE (device_id, digest)"
  ])
  yield* index("inbound_journal_pending", "inbound_journal (device_id, done_at, id)")
  yield* index("inbound_journal_done", "inbound_journal (done_at)")

  yield* table("contacts", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    `device_id ${key(64)} NOT NULL`,
    `jid ${key(128)}`,
    `lid ${key(128)}`,
    `phone_number ${key(32)}`,
    `name ${key(255)}`,
    `push_name ${key(255)}`,
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, jid)",
    "UNIQUE (device_id, lid)"
  ])

  yield* table("messages", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    "session_id BIGINT NOT NULL",
    `device_id ${key(64)} NOT NULL`,
    // 'c' + contact id, or the group's address: one chat a person, whatever address WhatsApp used
    `chat_key ${key(128)} NOT NULL`,
    // who wrote it within the chat: '' in direct chats, a contact id in groups, 'me' for our own
    `sender_key ${key(128)} NOT NULL`,
    `message_id ${key(128)} NOT NULL`,
    "contact_id BIGINT",
    `group_jid ${key(128)}`,
    `participant ${key(128)}`,
    `from_number ${key(128)}`,
    `to_number ${key(128)}`,
    `message_type ${key(32)} NOT NULL`,
    `content ${text}`,
    `direction ${key(16)} NOT NULL`,
    `status ${key(16)} NOT NULL`,
    `failure ${text}`,
    "timestamp BIGINT NOT NULL",
    "sent_at BIGINT",
    "delivered_at BIGINT",
    "read_at BIGINT",
    `metadata ${text}`,
    `payload ${bytes}`,
    // the outbox half: null for what came in or was written on the phone
    `idempotency_key ${key(255)}`,
    `request_hash ${key(64)}`,
    "priority INTEGER",
    // device id and due time while the row waits to be sent, null otherwise: a look at the queue meets no history
    `queue ${key(64)}`,
    "send_at BIGINT",
    // when it was first due: a row that was put off keeps its place in its chat
    "due_at BIGINT",
    `job_id ${key(64)}`,
    "attempts INTEGER NOT NULL DEFAULT 0",
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, message_id, chat_key, sender_key)",
    "UNIQUE (device_id, idempotency_key)"
  ])
  yield* index("messages_chat", "messages (device_id, chat_key, id)")
  yield* index("messages_due", "messages (queue, priority, send_at, id)")
  yield* index("messages_lane", "messages (queue, chat_key)")
  yield* index("messages_user", "messages (user_id, id)")
  yield* index("messages_contact", "messages (contact_id)")

  yield* table("`groups`", [
    `id ${id}`,
    `device_id ${key(64)} NOT NULL`,
    `group_id ${key(128)} NOT NULL`,
    `name ${key(512)}`,
    `participants ${text}`,
    `admins ${text}`,
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, group_id)"
  ])

  yield* table("statistics", [
    `id ${id}`,
    `device_id ${key(64)} NOT NULL`,
    `date ${key(10)} NOT NULL`,
    "incoming_messages INTEGER NOT NULL DEFAULT 0",
    "outgoing_messages INTEGER NOT NULL DEFAULT 0",
    "active_chats INTEGER NOT NULL DEFAULT 0",
    "response_rate DOUBLE PRECISION",
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, date)"
  ])

  yield* table("events", [
    "id BIGINT NOT NULL PRIMARY KEY",
    `device_id ${key(64)} NOT NULL`,
    "user_id BIGINT NOT NULL",
    "sequence BIGINT NOT NULL",
    `type ${key(64)} NOT NULL`,
    "version INTEGER NOT NULL",
    `data ${text} NOT NULL`,
    "timestamp BIGINT NOT NULL"
  ])
  yield* index("events_device", "events (device_id, id)")
  yield* index("events_user", "events (user_id, id)")

  // the last event id: its row lock, held until the commit, makes the order of ids the order of commits
  yield* table("event_counter", ["id INTEGER NOT NULL PRIMARY KEY", "last_event_id BIGINT NOT NULL"])
  const counters = yield* sql`SELECT id FROM event_counter`
  if (counters.length === 0) yield* sql`INSERT INTO event_counter (id, last_event_id) VALUES (1, 0)`
})
