import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { Template } from "./ContentTemplate.ts"
import { DeviceId } from "./DeviceId.ts"
import { Jid } from "./Jid.ts"
import { MessageId, MessageStatus, SendFailure } from "./Message.ts"
import { UserId } from "./User.ts"

export const JobId = Schema.String.pipe(Schema.pattern(/^job-[0-9a-z]{1,40}$/), Schema.brand("JobId"))
export type JobId = typeof JobId.Type

/** `queued`: it waits for its turn; a device does one job at a time, in the order they came. */
export const JobStatus = Schema.Literal("queued", "processing", "paused", "completed", "cancelled")
export type JobStatus = typeof JobStatus.Type

/** The five add up: `total` is the sum of the others. Of `cancelled`, `optedOut` are on the list of those who want nothing. */
export const JobProgress = Schema.Struct({
  total: Schema.Int,
  completed: Schema.Int,
  failed: Schema.Int,
  pending: Schema.Int,
  cancelled: Schema.Int,
  optedOut: Schema.Int
})
export type JobProgress = typeof JobProgress.Type

/** The same messages, or nearly, to many. */
export class Job extends Schema.Class<Job>("Job")({
  id: Schema.Int,
  jobId: JobId,
  deviceId: DeviceId,
  userId: UserId,
  name: Schema.NullOr(Schema.String),
  content: Template,
  /** milliseconds between two messages */
  delay: Schema.Int,
  status: JobStatus,
  progress: JobProgress,
  createdAt: Schema.DateTimeUtc,
  startedAt: Schema.NullOr(Schema.DateTimeUtc),
  pausedAt: Schema.NullOr(Schema.DateTimeUtc),
  /** milliseconds, before `pausedAt` */
  pausedFor: Schema.Int,
  finishedAt: Schema.NullOr(Schema.DateTimeUtc),
  updatedAt: Schema.DateTimeUtc
}) {
  get isOver() {
    return this.status === "completed" || this.status === "cancelled"
  }

  /** Messages a minute so far, without pauses; null before the first. */
  ratePerMinute(now: number): number | null {
    const { completed, failed } = this.progress
    if (this.startedAt === null || completed + failed === 0) return null
    const end = (this.finishedAt ?? this.pausedAt)?.epochMillis ?? now
    const millis = Math.max(1000, end - this.startedAt.epochMillis - this.pausedFor)
    return Math.round((completed + failed) * 600_000 / millis) / 10
  }

  /** In milliseconds, when it ends if it goes on as it does; null if it does not go on or nothing is known yet. */
  estimatedEnd(now: number): number | null {
    if (this.status !== "processing") return null
    const rate = this.ratePerMinute(now)
    const each = Math.max(this.delay, rate === null ? 0 : 60_000 / rate)
    return each === 0 ? null : Math.round(now + this.progress.pending * each)
  }
}

/** One recipient of a job, and what became of his message. `optedOut`: he wants none. */
export const JobResult = Schema.Struct({
  position: Schema.Int,
  to: Jid,
  status: MessageStatus,
  optedOut: Schema.Boolean,
  messageId: Schema.NullOr(MessageId),
  failure: Schema.NullOr(SendFailure),
  sentAt: Schema.NullOr(Schema.DateTimeUtc),
  deliveredAt: Schema.NullOr(Schema.DateTimeUtc),
  readAt: Schema.NullOr(Schema.DateTimeUtc)
}).annotations({ identifier: "JobResult" })
export type JobResult = typeof JobResult.Type

/** What is wrong with one recipient; lines count from 1, in CSV with the heading's. */
export const BadLine = Schema.Struct({ line: Schema.Int, field: Schema.String, message: Schema.String })
export type BadLine = typeof BadLine.Type

export class JobNotFound extends Schema.TaggedError<JobNotFound>()(
  "JobNotFound",
  { jobId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no job ${this.jobId}.`
  }
}

/** What is over cannot be paused or cancelled, what does not pause cannot be resumed. */
export class JobNotChangeable extends Schema.TaggedError<JobNotChangeable>()(
  "JobNotChangeable",
  { jobId: Schema.String, status: JobStatus },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `Job ${this.jobId} is ${this.status}.`
  }
}

/** Nothing of the job is kept; the first wrong lines are named, `errorCount` counts all of them. */
export class JobInvalid extends Schema.TaggedError<JobInvalid>()(
  "JobInvalid",
  { errorCount: Schema.Int, errors: Schema.Array(BadLine) },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    const [first] = this.errors
    return first === undefined ? "The job is not valid." : `${first.field} in line ${first.line}: ${first.message}`
  }
}
