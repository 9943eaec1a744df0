import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { hasErrno } from "./0001_initial.ts"

/** All kinds of messages, and what messages change in others. Like all migrations it can be repeated after it was cut off. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const types = sql.onDialectOrElse({
    mysql: () => ({
      id: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      key: (length: number) => `VARCHAR(${length})`,
      text: "MEDIUMTEXT",
      tail: " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    }),
    orElse: () => ({ id: "INTEGER PRIMARY KEY AUTOINCREMENT", key: () => "TEXT", text: "TEXT", tail: "" })
  })
  const { id, key, text } = types
  const column = (name: string, type: string) => {
    const add = sql.unsafe(`ALTER TABLE messages ADD COLUMN ${name} ${type}`)
    return sql.onDialectOrElse({
      // 1060: the column is there
      mysql: () => Effect.catchIf(add, hasErrno(1060), () => Effect.void),
      orElse: () =>
        Effect.unlessEffect(add, Effect.map(
          sql`SELECT name FROM pragma_table_info('messages') WHERE name = ${name}`,
          (rows) => rows.length > 0
        ))
    })
  }
  const index = (name: string, on: string) =>
    sql.onDialectOrElse({
      mysql: () => Effect.catchIf(sql.unsafe(`CREATE INDEX ${name} ON ${on}`), hasErrno(1061), () => Effect.void),
      orElse: () => sql.unsafe(`CREATE INDEX IF NOT EXISTS ${name} ON ${on}`)
    })

  // what is to be sent, as versioned JSON; null for what came in, and for texts accepted before there were other kinds
  yield* column("outgoing", text)
  // keys to files and of polls: never shown
  yield* column("secrets", text)
  yield* column("edited_at", "BIGINT")
  yield* column("deleted_at", "BIGINT")
  yield* column("reactions", text)
  yield* column("votes", text)

  // a person's newest change of each kind, also of messages that have not come yet; the columns above are made of these
  yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS message_changes (${[
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
  ].join(", ")})${types.tail}`)
  yield* index("message_changes_target", "message_changes (device_id, target_id)")
  // two contacts that become one take their changes along
  yield* index("message_changes_chat", "message_changes (device_id, chat_key)")
  yield* index("message_changes_sender", "message_changes (device_id, target_sender)")
  yield* index("message_changes_author", "message_changes (device_id, author)")
})
