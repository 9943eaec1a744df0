import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** All that a group is, and whose it is. What was stored before is a name, if anything. */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { index, key, text } = yield* makeLayout
  const onMysql = sql.onDialectOrElse({ mysql: () => true, orElse: () => false })

  const lacks = (table: string) => ([name]: readonly [string, string]) =>
    (onMysql
      ? sql`SELECT 1 AS found FROM information_schema.columns
          WHERE table_schema = DATABASE() AND table_name = ${table} AND column_name = ${name}`
      : sql`SELECT 1 AS found FROM pragma_table_xinfo(${table}) WHERE name = ${name}`).pipe(Effect.map((rows) => rows.length === 0))
  const add = Effect.fnUntraced(function*(table: string, columns: ReadonlyArray<readonly [string, string]>) {
    const additions = (yield* Effect.filter(columns, lacks(table))).map(([name, definition]) => `ADD COLUMN ${name} ${definition}`)
    // MySQL copies the table at each statement, SQLite takes one column at a time
    const statements = onMysql && additions.length > 0 ? [additions.join(", ")] : additions
    for (const statement of statements) yield* sql.unsafe(`ALTER TABLE \`${table}\` ${statement}`)
  })

  yield* add("groups", [
    ["user_id", "BIGINT NOT NULL DEFAULT 0"],
    ["description", text],
    ["owner", key(512)],
    ["addressing", `${key(8)} NOT NULL DEFAULT 'lid'`],
    ["announcement", "INTEGER NOT NULL DEFAULT 0"],
    ["locked", "INTEGER NOT NULL DEFAULT 0"],
    ["join_approval", "INTEGER NOT NULL DEFAULT 0"],
    ["member_add_mode", `${key(16)} NOT NULL DEFAULT 'admins'`],
    ["ephemeral_seconds", "BIGINT NOT NULL DEFAULT 0"],
    ["participant_count", "INTEGER NOT NULL DEFAULT 0"],
    // the device's own; null: it is not in the group
    ["own_role", key(16)],
    ["creation", "BIGINT"],
    // when WhatsApp last told all of it; null: never, or something has changed since that we cannot read
    ["refreshed_at", "BIGINT"],
    // 191 characters are what an index takes beside its other columns
    [
      "sort_name",
      `${key(191)} GENERATED ALWAYS AS (LOWER(${onMysql ? "LEFT" : "SUBSTR"}(COALESCE(name, group_id), ${onMysql ? "191" : "1, 191"}))) ` +
        (onMysql ? "STORED" : "VIRTUAL")
    ]
  ])
  // when all groups of the device were last asked for
  yield* add("whatsapp_sessions", [["groups_synced_at", "BIGINT"]])

  yield* sql.unsafe(`UPDATE \`groups\` SET user_id = COALESCE(
    (SELECT s.user_id FROM whatsapp_sessions s WHERE s.device_id = \`groups\`.device_id), 0)`)
  yield* index("groups_device", "`groups` (device_id, id)")
  yield* index("groups_user", "`groups` (user_id, id)")
  yield* index("groups_sorted", "`groups` (device_id, sort_name, id)")
})
