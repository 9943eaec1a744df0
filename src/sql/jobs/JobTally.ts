import { SqlClient } from "@effect/sql"
import { DateTime, Effect } from "effect"
import type { JobId } from "../../domain/Job.ts"
import type { MessageStatus } from "../../domain/Message.ts"
import { EventLog } from "../events/EventLog.ts"
import { decodeJobs, jobColumns, type JobRow, progressOf } from "./JobRow.ts"

/** Milliseconds between two `job.progress` of one job. */
const tellEvery = 1000

export interface JobMove {
  readonly jobId: JobId | null
  readonly before: MessageStatus
  readonly after: MessageStatus
}

const countOf = (status: MessageStatus) =>
  status === "pending" || status === "failed" || status === "cancelled" ? status : "completed"

/** Counts what becomes of a job's messages, in the transaction in which it becomes so. For callers that have locked the device's row. */
export const makeJobTally = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const columns = sql.literal(jobColumns)

  const event = (type: "job.progress" | "job.completed", row: JobRow, timestamp: DateTime.Utc) => {
    const { deviceId, jobId, name, status } = row
    return events.append([{ type, deviceId, data: { jobId, name, status, progress: progressOf(row), timestamp } }])
  }

  /** Says how a job stands, and ends it if nothing of it waits any more; `now` also if it was said a moment ago. */
  const tell = Effect.fnUntraced(function*(jobId: JobId, when: "now" | "now and then") {
    const [row] = yield* decodeJobs(yield* sql`SELECT ${columns} FROM jobs WHERE job_id = ${jobId}`)
    if (row === undefined) return
    const at = yield* DateTime.now
    const now = at.epochMillis
    const isOver = row.status !== "cancelled" && row.retryFrom === null && progressOf(row).pending === 0
    if (isOver && row.status !== "completed") {
      yield* sql`UPDATE jobs SET ${
        sql.update({ status: "completed", finishedAt: now, pausedAt: null, toldAt: now, updatedAt: now })
      } WHERE id = ${row.id}`
      yield* event("job.completed", { ...row, status: "completed" }, at)
    } else if (when === "now" || Math.abs(now - row.toldAt) >= tellEvery) {
      yield* sql`UPDATE jobs SET told_at = ${now}, updated_at = ${now} WHERE id = ${row.id}`
      yield* event("job.progress", row, at)
    }
  })

  /** The messages' rows have been changed already. */
  const moved = Effect.fnUntraced(function*(moves: ReadonlyArray<JobMove>) {
    for (const [jobId, ofJob] of Map.groupBy(moves, (move) => move.jobId)) {
      if (jobId === null) continue
      const change = { pending: 0, completed: 0, failed: 0, cancelled: 0 }
      for (const { after, before } of ofJob) {
        change[countOf(before)] -= 1
        change[countOf(after)] += 1
      }
      const { cancelled, completed, failed } = change
      if (cancelled === 0 && completed === 0 && failed === 0) continue
      yield* sql`UPDATE jobs SET completed = completed + ${completed}, failed = failed + ${failed},
        cancelled = cancelled + ${cancelled} WHERE job_id = ${jobId}`
      yield* tell(jobId, "now and then")
    }
  })

  return { moved, tell }
})
