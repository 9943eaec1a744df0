import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** The files that jobs send: kept for as long as the job may still make messages of them. */
export default Effect.gen(function*() {
  const { index, table } = yield* makeLayout

  yield* table("job_files", ["job_row BIGINT NOT NULL", "file_id BIGINT NOT NULL", "PRIMARY KEY (job_row, file_id)"])
  yield* index("job_files_file", "job_files (file_id)")
})
