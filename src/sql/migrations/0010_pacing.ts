import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** How fast a device sends and has sent, what holds a message back, and who has written to us. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { column, index, key, table, text } = yield* makeLayout
  const onMysql = sql.onDialectOrElse({ mysql: () => true, orElse: () => false })

  // as JSON: what differs from the service's defaults
  yield* column("whatsapp_sessions", "pacing", text)
  // since when this account is linked
  yield* column("whatsapp_sessions", "paired_at", "BIGINT")
  yield* sql`UPDATE whatsapp_sessions SET paired_at = created_at WHERE jid IS NOT NULL AND paired_at IS NULL`

  // when it was last given to the socket, and whether it was the first to somebody who had never written
  yield* column("messages", "claimed_at", "BIGINT")
  yield* column("messages", "opens_chat", "INTEGER")
  // why it waits until `send_at`, if it is held back and not put off after an attempt
  yield* column("messages", "held_for", key(16))
  // on SQLite those that were never claimed are not in it, and cost nothing
  yield* index("messages_claimed", `messages (device_id, claimed_at, opens_chat)${onMysql ? "" : " WHERE claimed_at IS NOT NULL"}`)

  yield* column("contacts", "first_wrote_at", "BIGINT")
  yield* sql.unsafe(`UPDATE contacts SET first_wrote_at = (
      SELECT MIN(m.timestamp) FROM messages m
      WHERE m.device_id = contacts.device_id AND m.chat_key = ${onMysql ? "CONCAT('c', contacts.id)" : "'c' || contacts.id"}
        AND m.direction = 'incoming'
    ) WHERE first_wrote_at IS NULL`)

  // what went wrong with a device, counted in pieces of five minutes
  yield* table("device_incidents", [
    `device_id ${key(64)} NOT NULL`,
    // five minutes since 1970 UTC
    "bucket BIGINT NOT NULL",
    `kind ${key(16)} NOT NULL`,
    `code ${key(32)} NOT NULL`,
    "count INTEGER NOT NULL",
    "PRIMARY KEY (device_id, bucket, kind, code)"
  ])
  yield* index("device_incidents_time", "device_incidents (bucket, device_id)")
})
