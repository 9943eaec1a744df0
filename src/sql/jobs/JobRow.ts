import { Schema } from "effect"
import { StoredTemplate } from "../../domain/ContentTemplate.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Job, JobId, JobStatus } from "../../domain/Job.ts"
import { UserId } from "../../domain/User.ts"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)
const Row = Schema.Struct({
  id: Schema.Int,
  jobId: JobId,
  deviceId: DeviceId,
  userId: UserId,
  name: Schema.NullOr(Schema.String),
  content: StoredTemplate,
  delay: Schema.Int,
  status: JobStatus,
  total: Schema.Int,
  position: Schema.Int,
  retryFrom: Schema.NullOr(Schema.Int),
  retryTo: Schema.NullOr(Schema.Int),
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int,
  optedOut: Schema.Int,
  toldAt: Schema.Int,
  createdAt: Schema.DateTimeUtcFromNumber,
  startedAt: time,
  pausedAt: time,
  pausedFor: Schema.Int,
  finishedAt: time,
  updatedAt: Schema.DateTimeUtcFromNumber
})
export type JobRow = typeof Row.Type

export const jobColumns = `id, job_id, device_id, user_id, name, content, delay, status, total, position, retry_from, retry_to,
  completed, failed, cancelled, opted_out, told_at, created_at, started_at, paused_at, paused_for, finished_at, updated_at`

/** What is still being loaded is no job yet, and what is being removed is none any more. */
export const isJob = "status NOT IN ('loading', 'removed')"
/** Rows with {@link jobColumns}, of those that are jobs. */
export const decodeJobs = Schema.decodeUnknown(Schema.Array(Row))

export const progressOf = ({ cancelled, completed, failed, optedOut, total }: JobRow) => ({
  total,
  completed,
  failed,
  pending: total - completed - failed - cancelled,
  cancelled,
  optedOut
})

export const jobOf = (row: JobRow) =>
  new Job({ ...row, content: row.content.content, progress: progressOf(row) }, { disableValidation: true })

/** How many of its messages stand in the queue. */
export const waitingOf = ({ cancelled, completed, failed, position }: JobRow) => position - completed - failed - cancelled
