import { SqlClient } from "@effect/sql"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Predicate } from "effect"

/** Lists, history and search of a large `messages` table from indexes, and figures that are kept as messages come and go. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const onMysql = sql.onDialectOrElse({ mysql: () => true, orElse: () => false })
  const key = (length: number) => onMysql ? `VARCHAR(${length})` : "TEXT"

  const column = Effect.fnUntraced(function*(table: string, name: string, definition: string) {
    const there = yield* onMysql
      ? sql`SELECT 1 AS found FROM information_schema.columns
          WHERE table_schema = DATABASE() AND table_name = ${table} AND column_name = ${name}`
      : sql`SELECT 1 AS found FROM pragma_table_xinfo(${table}) WHERE name = ${name}`
    if (there.length === 0) yield* sql.unsafe(`ALTER TABLE ${table} ADD COLUMN ${name} ${definition}`)
  })
  const index = (name: string, on: string, kind = "") =>
    onMysql
      // 1061: the index is there
      ? Effect.catchIf(sql.unsafe(`CREATE ${kind} INDEX ${name} ON ${on}`), hasErrno(1061), () => Effect.void)
      : sql.unsafe(`CREATE ${kind} INDEX IF NOT EXISTS ${name} ON ${on}`)
  const generated = (type: string, onSqlite: string, elsewhere = onSqlite) =>
    `${type} GENERATED ALWAYS AS (${onMysql ? elsewhere : onSqlite}) ${onMysql ? "STORED" : "VIRTUAL"}`

  // from before the pairing: told to nobody as news, counted nowhere
  yield* column("messages", "historical", "INTEGER NOT NULL DEFAULT 0")
  // the order of a chat: WhatsApp tells whole seconds, our clock milliseconds; within a second what came first stands first
  yield* column("messages", "at_second", generated("BIGINT", "timestamp / 1000", "timestamp DIV 1000"))
  yield* index("messages_chat_time", "messages (device_id, chat_key, at_second, id, direction, status, message_type)")
  yield* index("messages_time", "messages (device_id, at_second, chat_key, direction)")
  yield* onMysql
    // 1091: it is gone already
    ? Effect.catchIf(sql.unsafe("DROP INDEX messages_chat ON messages"), hasErrno(1091), () => Effect.void)
    : sql.unsafe("DROP INDEX IF EXISTS messages_chat")

  yield* column("contacts", "sort_name", generated(key(255), "LOWER(COALESCE(name, push_name, phone_number, lid, ''))"))
  yield* index("contacts_sorted", "contacts (device_id, sort_name, id)")

  if (onMysql) {
    // words are found regardless of case and accents, and nothing else compares the column
    yield* sql.unsafe("ALTER TABLE messages MODIFY content MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    yield* index("messages_text", "messages (content)", "FULLTEXT")
  } else {
    const words = yield* sql`SELECT 1 AS found FROM sqlite_master WHERE name = 'messages_text'`
    if (words.length === 0) {
      yield* sql.unsafe(`CREATE VIRTUAL TABLE messages_text USING fts5 (device, content, content = '',
        contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2 tokenchars '_'")`)
      yield* sql.unsafe(`INSERT INTO messages_text (rowid, device, content)
        SELECT id, hex(device_id), content FROM messages WHERE content IS NOT NULL`)
    }
    const add = "INSERT INTO messages_text (rowid, device, content) VALUES (new.id, hex(new.device_id), new.content)"
    const remove = "DELETE FROM messages_text WHERE rowid = old.id"
    yield* sql.unsafe(`CREATE TRIGGER IF NOT EXISTS messages_text_insert AFTER INSERT ON messages
      WHEN new.content IS NOT NULL BEGIN ${add}; END`)
    yield* sql.unsafe(`CREATE TRIGGER IF NOT EXISTS messages_text_delete AFTER DELETE ON messages
      WHEN old.content IS NOT NULL BEGIN ${remove}; END`)
    yield* sql.unsafe(`CREATE TRIGGER IF NOT EXISTS messages_text_remove AFTER UPDATE OF content ON messages
      WHEN old.content IS NOT NULL BEGIN ${remove}; END`)
    yield* sql.unsafe(`CREATE TRIGGER IF NOT EXISTS messages_text_add AFTER UPDATE OF content ON messages
      WHEN new.content IS NOT NULL BEGIN ${add}; END`)
  }

  // nothing was ever written to the table of this name; what it should hold follows from the messages
  yield* sql.unsafe("DROP TABLE IF EXISTS statistics")
  yield* sql.unsafe(`CREATE TABLE statistics (${
    [
      `device_id ${key(64)} NOT NULL`,
      // quarters of an hour since 1970 UTC: in every time zone a day begins with one; -1: the sum of all, under the chat ''
      "bucket BIGINT NOT NULL",
      `chat_key ${key(128)} NOT NULL`,
      "incoming INTEGER NOT NULL DEFAULT 0",
      "outgoing INTEGER NOT NULL DEFAULT 0",
      "failed INTEGER NOT NULL DEFAULT 0",
      "first_incoming BIGINT",
      "last_outgoing BIGINT",
      "PRIMARY KEY (device_id, bucket, chat_key)"
    ].join(", ")
  })${onMysql ? " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" : " WITHOUT ROWID"}`)
  yield* index("statistics_chat", "statistics (device_id, chat_key)")

  const divided = (column: string) => onMysql ? `${column} DIV 900000` : `${column} / 900000`
  const counted = (at: string, counts: string, where: string) =>
    `SELECT device_id, ${divided(at)} AS bucket, chat_key, ${counts} FROM messages WHERE historical = 0 AND ${where}`
  const all = [
    counted("timestamp", "1 AS i, 0 AS o, 0 AS f, timestamp AS fi, NULL AS lo", "direction = 'incoming'"),
    counted("sent_at", "0, 1, 0, NULL, sent_at", "direction = 'outgoing' AND sent_at IS NOT NULL"),
    counted("timestamp", "0, 0, 1, NULL, NULL", "direction = 'outgoing' AND status = 'failed'")
  ].join(" UNION ALL ")
  yield* sql.unsafe(`INSERT INTO statistics (device_id, bucket, chat_key, incoming, outgoing, failed, first_incoming, last_outgoing)
    SELECT device_id, bucket, chat_key, SUM(i), SUM(o), SUM(f), MIN(fi), MAX(lo) FROM (${all}) counts
    GROUP BY device_id, bucket, chat_key`)
  yield* sql.unsafe(`INSERT INTO statistics (device_id, bucket, chat_key, incoming, outgoing, failed)
    SELECT device_id, -1, '', SUM(incoming), SUM(outgoing), SUM(failed) FROM statistics GROUP BY device_id`)
})

const hasErrno = (errno: number) => (error: SqlError) =>
  Predicate.hasProperty(error.cause, "errno") && error.cause.errno === errno
