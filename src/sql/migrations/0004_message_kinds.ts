import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { hasErrno, makeLayout } from "./Layout.ts"

/** All kinds of messages, and what messages change in others. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { column, id, index, key, table, text } = yield* makeLayout

  // what is to be sent, as versioned JSON; null for what came in, and for texts accepted before there were other kinds
  yield* column("messages", "outgoing", text)
  // keys to files and of polls: never shown
  yield* column("messages", "secrets", text)
  yield* column("messages", "edited_at", "BIGINT")
  yield* column("messages", "deleted_at", "BIGINT")
  yield* column("messages", "reactions", text)
  yield* column("messages", "votes", text)

  // a day's chats are told without what changes messages, and still from the index alone
  yield* index("messages_day", "messages (device_id, at_second, chat_key, direction, message_type)")
  yield* sql.onDialectOrElse({
    // 1091: it is gone already
    mysql: () => Effect.catchIf(sql.unsafe("DROP INDEX messages_time ON messages"), hasErrno(1091), () => Effect.void),
    orElse: () => sql.unsafe("DROP INDEX IF EXISTS messages_time")
  })

  // a text that changes is found by its new words: of two triggers for one moment, SQLite takes either first
  yield* sql.onDialectOrElse({
    mysql: () => Effect.void,
    orElse: () =>
      Effect.all([
        sql.unsafe("DROP TRIGGER IF EXISTS messages_text_remove"),
        sql.unsafe("DROP TRIGGER IF EXISTS messages_text_add"),
        sql.unsafe(`CREATE TRIGGER IF NOT EXISTS messages_text_update AFTER UPDATE OF content ON messages BEGIN
          DELETE FROM messages_text WHERE rowid = old.id AND old.content IS NOT NULL;
          INSERT INTO messages_text (rowid, device, content)
            SELECT new.id, hex(new.device_id), new.content WHERE new.content IS NOT NULL;
        END`)
      ], { discard: true })
  })

  // a person's newest change of each kind, also of messages that have not come yet; the columns above are made of these
  yield* table("message_changes", [
    `id ${id}`,
    `device_id ${key(64)} NOT NULL`,
    `chat_key ${key(128)} NOT NULL`,
    `target_id ${key(128)} NOT NULL`,
    // who wrote the target, and who changes it: as sender_key of messages
    `target_sender ${key(128)} NOT NULL`,
    `author ${key(128)} NOT NULL`,
    `author_number ${key(128)}`,
    `change_id ${key(128)} NOT NULL`,
    "changed_at BIGINT NOT NULL",
    `content ${text} NOT NULL`
  ])
  yield* index("message_changes_target", "message_changes (device_id, target_id)")
  // two contacts that become one take their changes along
  yield* index("message_changes_chat", "message_changes (device_id, chat_key)")
  yield* index("message_changes_sender", "message_changes (device_id, target_sender)")
  yield* index("message_changes_author", "message_changes (device_id, author)")
})
