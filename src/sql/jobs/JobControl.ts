import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { type JobId, JobNotChangeable, JobNotFound, type JobResult, type JobStatus } from "../../domain/Job.ts"
import { MessageId, MessageStatus, SendFailure } from "../../domain/Message.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { decodeJobs, isJob, jobColumns, jobOf, type JobRow, waitingOf } from "./JobRow.ts"
import { makeJobTally } from "./JobTally.ts"
import { makeStatusChange, moved, statusEvents } from "../messages/StatusChange.ts"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)
const Results = Schema.Array(Schema.Struct({
  position: Schema.Int,
  recipient: Jid,
  outcome: Schema.NullOr(Schema.String),
  messageRow: Schema.NullOr(Schema.Int),
  messageId: Schema.NullOr(MessageId),
  status: Schema.NullOr(MessageStatus),
  failure: Schema.NullOr(Schema.parseJson(SendFailure)),
  sentAt: time,
  deliveredAt: time,
  readAt: time
}))

export interface JobFilter {
  readonly userId?: UserId | undefined
  readonly deviceId?: DeviceId | undefined
  readonly deviceIds?: ReadonlyArray<DeviceId> | undefined
  readonly status?: JobStatus | undefined
  /** row id: only older ones */
  readonly before?: number | undefined
  readonly limit: number
}

/** What people see of jobs and do with them. */
export const makeJobControl = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const statuses = yield* makeStatusChange
  const tally = yield* makeJobTally
  const columns = sql.literal(jobColumns)
  const visible = sql.literal(isJob)

  const find = Effect.fnUntraced(function*(jobId: JobId) {
    const [row] = yield* decodeJobs(yield* sql`SELECT ${columns} FROM jobs WHERE job_id = ${jobId} AND ${visible}`)
    return row ?? (yield* new JobNotFound({ jobId }))
  })

  /** Changes a job whose device's row is locked: nothing of it is settled meanwhile. */
  const changing = <E>(name: string, change: (row: JobRow, at: DateTime.Utc) => Effect.Effect<void, E>) =>
    Effect.fn(`Jobs.${name}`)((jobId: JobId) =>
      Effect.gen(function*() {
        yield* lock.byId((yield* find(jobId)).deviceId)
        yield* change(yield* find(jobId), yield* DateTime.now)
        yield* tally.tell(jobId, "now")
        return jobOf(yield* find(jobId))
      }).pipe(events.transaction, retryConflicts, atBoundary)
    )

  const set = Effect.fnUntraced(function*(row: JobRow, values: Readonly<Record<string, unknown>>) {
    yield* sql`UPDATE jobs SET ${sql.update({ ...values, updatedAt: yield* Clock.currentTimeMillis })} WHERE id = ${row.id}`
  })
  /** While a job pauses, its messages wait in a queue of its own name, where they are in nobody's way. */
  const move = (row: JobRow, from: string, to: string) =>
    sql`UPDATE messages SET queue = ${to} WHERE queue = ${from} AND job_id = ${row.jobId}`

  return {
    get: Effect.fn("Jobs.get")((jobId: JobId) => atBoundary(Effect.map(find(jobId), jobOf))),

    list: Effect.fn("Jobs.list")(function*({ before, deviceId, deviceIds, limit, status, userId }: JobFilter) {
      if (deviceIds?.length === 0) return []
      const rows = yield* sql`SELECT ${columns} FROM jobs WHERE ${sql.and([
        visible,
        ...(userId === undefined ? [] : [sql`user_id = ${userId}`]),
        ...(deviceId === undefined ? [] : [sql`device_id = ${deviceId}`]),
        ...(deviceIds === undefined ? [] : [sql.in("device_id", deviceIds)]),
        ...(status === undefined ? [] : [sql`status = ${status}`]),
        ...(before === undefined ? [] : [sql`id < ${before}`])
      ])} ORDER BY id DESC ${dialect.limit(limit)}`
      return (yield* decodeJobs(rows)).map(jobOf)
    }, atBoundary),

    results: Effect.fn("Jobs.results")(function*(jobId: JobId, { after, limit, status }: {
      /** a position: only those behind it */
      readonly after?: number | undefined
      readonly status?: MessageStatus | undefined
      readonly limit: number
    }) {
      const job = yield* find(jobId)
      // one without a message has none any more if the job was cancelled
      const without: MessageStatus = job.status === "cancelled" ? "cancelled" : "pending"
      const ofMessage = sql`m.status = ${status ?? without}`
      const alone = [
        ...(status === without ? [sql`r.message_row IS NULL AND r.outcome IS NULL`] : []),
        ...(status === "cancelled" ? [sql`r.outcome IS NOT NULL`] : [])
      ]
      const rows = yield* sql`SELECT r.position, r.recipient, r.outcome, r.message_row, m.message_id, m.status, m.failure,
          m.sent_at, m.delivered_at, m.read_at
        FROM job_recipients r LEFT JOIN messages m ON m.id = r.message_row WHERE ${sql.and([
          sql`r.job_row = ${job.id}`,
          sql`r.position > ${after ?? -1}`,
          ...(status === undefined ? [] : [sql.or([ofMessage, ...alone])])
        ])} ORDER BY r.position ${dialect.limit(limit)}`
      const found = yield* Schema.decodeUnknown(Results)(rows)
      return found.map(({ messageRow, outcome, recipient, ...result }): JobResult => ({
        ...result,
        to: recipient,
        // a message that is gone was removed with its device
        status: result.status ?? (outcome === null && messageRow === null ? without : "cancelled"),
        optedOut: outcome === "opted_out"
      }))
    }, atBoundary),

    pause: changing("pause", Effect.fnUntraced(function*(row: JobRow, at: DateTime.Utc) {
      if (row.status !== "queued" && row.status !== "processing") return yield* refused(row)
      yield* set(row, { status: "paused", pausedAt: at.epochMillis })
      yield* move(row, row.deviceId, row.jobId)
    })),

    resume: changing("resume", Effect.fnUntraced(function*(row: JobRow, at: DateTime.Utc) {
      if (row.status !== "paused") return yield* refused(row)
      const status = row.startedAt === null ? "queued" : "processing"
      yield* set(row, { status, pausedAt: null, pausedFor: pausedFor(row, at.epochMillis) })
      yield* move(row, row.jobId, row.deviceId)
    })),

    /** What is on its way to WhatsApp in this moment may still arrive, and then says so. */
    cancel: changing("cancel", Effect.fnUntraced(function*(row: JobRow, at: DateTime.Utc) {
      if (row.status === "completed" || row.status === "cancelled") return yield* refused(row)
      const waiting = yield* statuses.find([sql.in("m.queue", [row.deviceId, row.jobId]), sql`m.job_id = ${row.jobId}`])
      const steps = waiting.flatMap((message) => moved(message, "cancelled", at) ?? [])
      yield* set(row, {
        status: "cancelled",
        finishedAt: at.epochMillis,
        pausedAt: null,
        pausedFor: pausedFor(row, at.epochMillis),
        retryFrom: null,
        // those that have no message yet
        cancelled: row.cancelled + row.total - row.position
      })
      if (steps.length > 0) yield* statuses.save(row.deviceId, steps)
      yield* events.append(steps.flatMap((message) => statusEvents(row.deviceId, message, at)))
    })),

    /** The same messages under the same ids, behind what the job has still to send. */
    retryFailed: changing("retryFailed", Effect.fnUntraced(function*(row: JobRow) {
      if (row.status === "cancelled" || row.failed === 0) return yield* refused(row)
      const status = row.status === "completed" ? "processing" : row.status
      yield* set(row, { status, finishedAt: null, retryFrom: -1, retryTo: row.position })
    })),

    /** Devices that have jobs to do. */
    devicesAtWork: Effect.gen(function*() {
      const rows = yield* decodeJobs(yield* sql`SELECT ${columns} FROM jobs WHERE status IN ('queued', 'processing') ORDER BY id`)
      const first = new Map<DeviceId, JobRow>()
      for (const row of rows) if (!first.has(row.deviceId)) first.set(row.deviceId, row)
      return [...first.values()].filter(hasRoom).map(({ deviceId }) => deviceId)
    }).pipe(atBoundary)
  }
})

const refused = ({ jobId, status }: JobRow) => new JobNotChangeable({ jobId, status })
const pausedFor = (row: JobRow, now: number) =>
  row.pausedFor + (row.pausedAt === null ? 0 : now - row.pausedAt.epochMillis)

/** Messages of a job in the queue at most: enough that the pump never waits for more, few enough to be in nobody's way. */
export const windowSize = 100

/** Half of them are gone, or there is nothing left but to see that the job ends. */
const hasRoom = (row: JobRow) =>
  waitingOf(row) <= windowSize / 2 && (row.position < row.total || row.retryFrom !== null || row.status === "queued")
