import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** Files, and which of them belongs to which message. */
export default Effect.gen(function*() {
  const { id, index, key, table } = yield* makeLayout

  yield* table("media_files", [
    `id ${id}`,
    // names the file in the store, too
    `media_id ${key(32)} NOT NULL UNIQUE`,
    `device_id ${key(64)} NOT NULL`,
    // 0 from before the first byte is written until the last one is safe
    "ready INTEGER NOT NULL",
    "size BIGINT NOT NULL",
    `sha256 ${key(64)}`,
    `mimetype ${key(255)}`,
    `file_name ${key(255)}`,
    // when somebody last meant to send it
    "used_at BIGINT NOT NULL",
    "created_at BIGINT NOT NULL"
  ])
  yield* index("media_files_used", "media_files (used_at)")

  yield* table("message_media", [
    "message_row BIGINT NOT NULL PRIMARY KEY",
    `device_id ${key(64)} NOT NULL`,
    `state ${key(16)} NOT NULL`,
    `reason ${key(32)}`,
    "file_id BIGINT",
    // where the phone has put it once more
    `direct_path ${key(1024)}`,
    "attempts INTEGER NOT NULL",
    // when it is to be fetched next
    "due_at BIGINT",
    "updated_at BIGINT NOT NULL"
  ])
  yield* index("message_media_due", "message_media (device_id, due_at)")
  yield* index("message_media_file", "message_media (file_id)")
  yield* index("message_media_age", "message_media (state, updated_at)")
})
