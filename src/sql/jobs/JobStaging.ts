import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Option, Schema } from "effect"
import { fill } from "../../domain/ContentTemplate.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { windowSize } from "./JobControl.ts"
import { decodeRecipients, type Recipient } from "./JobIntake.ts"
import { decodeJobs, jobColumns, type JobRow, waitingOf } from "./JobRow.ts"
import { makeJobTally } from "./JobTally.ts"
import { Priority } from "../outbox/Priority.ts"
import { makeOutboxIntake } from "../outbox/OutboxIntake.ts"
import { makeOptOutLookup } from "../contacts/OptOuts.ts"
import { makeStatusChange, statusEvents } from "../messages/StatusChange.ts"

/** One transaction's worth: others wait for it. */
const atOnce = 50

/** Makes messages of a job's recipients a few at a time, so that the queue stays short however long the job is. */
export const makeJobStaging = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const accept = yield* makeOutboxIntake
  const optOuts = yield* makeOptOutLookup
  const statuses = yield* makeStatusChange
  const tally = yield* makeJobTally
  const columns = sql.literal(jobColumns)

  /** The message and the note that it is there are one: so a recipient gets one, however often a process ends in between. */
  const messageFor = Effect.fnUntraced(function*(job: JobRow, { position, recipient, variables }: Recipient) {
    const { message } = yield* accept({
      deviceId: job.deviceId,
      request: SendRequest.New({ to: recipient, content: fill(job.content.content, variables), quoted: undefined }),
      priority: Priority.bulk,
      jobId: job.jobId,
      // no caller's key has a space
      idempotencyKey: `${job.jobId} ${position}`
    })
    yield* sql`UPDATE job_recipients SET message_row = ${message.id} WHERE job_row = ${job.id} AND position = ${position}`
  })

  const stageNew = Effect.fnUntraced(function*(job: JobRow, room: number) {
    const recipients = yield* Effect.flatMap(
      sql`SELECT position, recipient, variables FROM job_recipients
        WHERE job_row = ${job.id} AND position >= ${job.position} ORDER BY position ${dialect.limit(Math.min(room, atOnce))}`,
      decodeRecipients
    )
    if (recipients.length === 0) return 0
    const unwilling = yield* optOuts(job.userId, job.deviceId, recipients.map(({ recipient }) => recipient))
    const [left, wanted] = [
      recipients.filter(({ recipient }) => unwilling.has(recipient)),
      recipients.filter(({ recipient }) => !unwilling.has(recipient))
    ]
    yield* Effect.forEach(wanted, (recipient) => messageFor(job, recipient), { discard: true })
    if (left.length > 0) {
      yield* sql`UPDATE job_recipients SET outcome = 'opted_out'
        WHERE job_row = ${job.id} AND ${sql.in("position", left.map(({ position }) => position))}`
    }
    yield* sql`UPDATE jobs SET position = position + ${recipients.length}, cancelled = cancelled + ${left.length},
      opted_out = opted_out + ${left.length} WHERE id = ${job.id}`
    return wanted.length
  })

  /** Failed ones wait again, as if nothing had been tried. */
  const stageAgain = Effect.fnUntraced(function*(job: JobRow, room: number) {
    const { retryFrom, retryTo } = job
    if (retryFrom === null || retryTo === null) return 0
    const rows = yield* sql`SELECT r.position, r.message_row FROM job_recipients r JOIN messages m ON m.id = r.message_row
      WHERE r.job_row = ${job.id} AND r.position > ${retryFrom} AND r.position < ${retryTo} AND m.status = 'failed'
      ORDER BY r.position ${dialect.limit(Math.min(room, atOnce))}`
    const failed = yield* decodeFailed(rows)
    yield* sql`UPDATE jobs SET retry_from = ${failed.at(-1)?.position ?? null} WHERE id = ${job.id}`
    if (failed.length === 0) return 0
    const at = yield* DateTime.now
    const messages = yield* statuses.find([sql.in("m.id", failed.map(({ messageRow }) => messageRow))])
    const waiting = messages.map((message) => ({ ...message, status: "pending" as const, failure: null }))
    yield* statuses.save(job.deviceId, waiting)
    yield* sql`UPDATE messages SET queue = ${job.deviceId}, send_at = ${at.epochMillis}, due_at = ${at.epochMillis}, attempts = 0
      WHERE ${sql.in("id", waiting.map(({ id }) => id))}`
    yield* events.append(waiting.flatMap((message) => statusEvents(job.deviceId, message, at)))
    return waiting.length
  })

  const stage = Effect.fnUntraced(function*(deviceId: DeviceId) {
    if (Option.isNone(yield* lock.byId(deviceId))) return 0
    const [job] = yield* decodeJobs(
      yield* sql`SELECT ${columns} FROM jobs WHERE device_id = ${deviceId} AND status IN ('queued', 'processing') ORDER BY id LIMIT 1`
    )
    if (job === undefined) return 0
    const now = yield* Clock.currentTimeMillis
    if (job.status === "queued") {
      yield* sql`UPDATE jobs SET status = 'processing', started_at = ${now}, updated_at = ${now} WHERE id = ${job.id}`
    }
    const room = windowSize - waitingOf(job)
    if (room <= 0) return 0
    const staged = job.position < job.total ? yield* stageNew(job, room) : yield* stageAgain(job, room)
    // all of them may have opted out, and of the failed ones none may be left
    yield* tally.tell(job.jobId, "now and then")
    return staged
  })

  return {
    /** For the first job of this device that is not over; how many messages came into its queue. */
    stage: Effect.fn("Jobs.stage")((deviceId: DeviceId) =>
      stage(deviceId).pipe(
        // without a device there are no jobs of it, and what a job says quotes nothing
        Effect.catchTags({
          DeviceNotFound: () => Effect.succeed(0),
          IdempotencyConflict: Effect.die,
          Forbidden: Effect.die,
          MessageNotChangeable: Effect.die,
          MessageNotFound: Effect.die
        }),
        events.transaction,
        retryConflicts,
        atBoundary
      )
    )
  }
})

const decodeFailed = Schema.decodeUnknown(Schema.Array(Schema.Struct({ position: Schema.Int, messageRow: Schema.Int })))
