import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

export default Effect.gen(function*() {
  const { id, index, key, table, text } = yield* makeLayout

  yield* table("api_keys", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    `name ${key(100)} NOT NULL`,
    `prefix ${key(16)} NOT NULL UNIQUE`,
    `secret_hash ${key(64)} NOT NULL`,
    `scopes ${key(64)} NOT NULL`,
    `devices ${text}`,
    "created_at BIGINT NOT NULL",
    "expires_at BIGINT",
    "last_used_at BIGINT",
    "revoked_at BIGINT"
  ])
  yield* index("api_keys_user", "api_keys (user_id, id)")

  yield* table("event_tickets", [
    `ticket_hash ${key(64)} NOT NULL PRIMARY KEY`,
    "user_id BIGINT NOT NULL",
    // of these one: the login or the API key that asked for the ticket
    `family_id ${key(64)}`,
    `api_key_prefix ${key(16)}`,
    `devices ${text}`,
    "expires_at BIGINT NOT NULL",
    // when the stream that it opens has to end
    "stream_until BIGINT NOT NULL"
  ])
  yield* index("event_tickets_expiry", "event_tickets (expires_at)")

  yield* table("audit_log", [
    `id ${id}`,
    "at BIGINT NOT NULL",
    "user_id BIGINT",
    `username ${key(64)}`,
    `api_key ${key(16)}`,
    `action ${key(32)} NOT NULL`,
    `target_type ${key(16)}`,
    `target_id ${key(64)}`,
    `result ${key(16)} NOT NULL`,
    `address ${key(64)}`,
    `user_agent ${key(255)}`,
    `details ${text}`
  ])
  yield* index("audit_log_at", "audit_log (at, id)")
  yield* index("audit_log_user", "audit_log (user_id, id)")
  yield* index("audit_log_action", "audit_log (action, id)")
  yield* index("audit_log_target", "audit_log (target_type, target_id, id)")

  // the newest of one device or user, without a look at the others'
  yield* index("messages_device", "messages (device_id, id)")
  yield* index("contacts_device", "contacts (device_id, id)")
  yield* index("contacts_user", "contacts (user_id, id)")
})
