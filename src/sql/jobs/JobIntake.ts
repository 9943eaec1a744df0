import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { StoredTemplate, Variables } from "../../domain/ContentTemplate.ts"
import { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { JobId, JobNotFound } from "../../domain/Job.ts"
import { IdempotencyConflict } from "../../domain/Message.ts"
import type { Composition } from "../../domain/OutgoingContent.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { decodeJobs, isJob, jobColumns, jobOf } from "./JobRow.ts"
import { makeJobTally } from "./JobTally.ts"

/** A recipient as he waits; `position` counts from 0. */
export const Recipient = Schema.Struct({
  position: Schema.Int,
  recipient: Jid,
  variables: Schema.parseJson(Variables)
})
export type Recipient = typeof Recipient.Type
export const decodeRecipients = Schema.decodeUnknown(Schema.Array(Recipient))

const encodeContent = Schema.encodeSync(StoredTemplate)
const encodeVariables = Schema.encodeSync(Schema.parseJson(Variables))
const decodeEarlier = Schema.decodeUnknown(Schema.Array(Schema.Struct({ jobId: JobId, requestHash: Schema.NullOr(Schema.String) })))
const decodeCount = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ count: Schema.Int })))

const rowsAtOnce = 500

/** A job comes in piece by piece; until it is finished nothing of it can be seen or sent. */
export const makeJobIntake = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const tally = yield* makeJobTally
  const columns = sql.literal(jobColumns)

  const find = Effect.fnUntraced(function*(jobId: JobId) {
    const [row] = yield* decodeJobs(yield* sql`SELECT ${columns} FROM jobs WHERE job_id = ${jobId} AND ${sql.literal(isJob)}`)
    return row === undefined ? yield* new JobNotFound({ jobId }) : jobOf(row)
  })

  /** Every address of those who want nothing of the job's user. */
  const unwillingOf = (row: number) => {
    const asked = sql`jobs j JOIN opt_outs o ON o.user_id = j.user_id`
    return sql`SELECT o.address FROM ${asked} WHERE j.id = ${row}
      UNION SELECT c.jid FROM ${asked} JOIN contacts c ON c.device_id = j.device_id AND c.lid = o.address WHERE j.id = ${row} AND c.jid IS NOT NULL
      UNION SELECT c.lid FROM ${asked} JOIN contacts c ON c.device_id = j.device_id AND c.jid = o.address WHERE j.id = ${row} AND c.lid IS NOT NULL`
  }

  return {
    begin: Effect.fn("Jobs.begin")(function*({ deviceId, userId }: { readonly deviceId: DeviceId; readonly userId: number }) {
      const now = yield* Clock.currentTimeMillis
      const jobId = JobId.make(`job-${now}${randomBytes(4).toString("hex")}`)
      return yield* dialect.insert("jobs", {
        jobId, deviceId, userId, delay: 0, status: "loading", total: 0, createdAt: now, updatedAt: now
      })
    }, retryConflicts, atBoundary),

    add: Effect.fn("Jobs.add")(function*(row: number, recipients: ReadonlyArray<Recipient>) {
      for (let start = 0; start < recipients.length; start += rowsAtOnce) {
        const piece = recipients.slice(start, start + rowsAtOnce)
        yield* sql`INSERT INTO job_recipients ${
          sql.insert(piece.map(({ position, recipient, variables }) => ({
            jobRow: row, position, recipient, variables: encodeVariables(variables)
          })))
        }`
      }
    }, retryConflicts, atBoundary),

    recipients: Effect.fn("Jobs.recipients")(function*(row: number, from: number, limit: number) {
      const rows = yield* sql`SELECT position, recipient, variables FROM job_recipients
        WHERE job_row = ${row} AND position >= ${from} ORDER BY position ${dialect.limit(limit)}`
      return yield* decodeRecipients(rows)
    }, atBoundary),

    optedOut: Effect.fn("Jobs.optedOut")(function*(row: number) {
      const rows = yield* sql`SELECT COUNT(*) AS count FROM job_recipients r JOIN (${unwillingOf(row)}) u ON u.address = r.recipient
        WHERE r.job_row = ${row}`
      const [{ count }] = yield* decodeCount(rows)
      return count
    }, atBoundary),

    finish: Effect.fn("Jobs.finish")((row: number, job: {
      readonly deviceId: DeviceId
      readonly content: Composition
      readonly delay: number
      readonly name: string | undefined
      readonly total: number
      readonly idempotencyKey: string | undefined
      readonly requestHash: string | undefined
    }) =>
      Effect.gen(function*() {
        const { deviceId, idempotencyKey } = job
        const device = yield* lock.byId(deviceId)
        if (Option.isNone(device) || device.value.wanted === "deleted") return yield* new DeviceNotFound({ deviceId })
        if (idempotencyKey !== undefined) {
          const [earlier] = yield* decodeEarlier(yield* sql`SELECT job_id, request_hash FROM jobs
            WHERE device_id = ${deviceId} AND idempotency_key = ${idempotencyKey}`)
          if (earlier !== undefined) {
            if (earlier.requestHash !== job.requestHash) return yield* new IdempotencyConflict({ idempotencyKey })
            return { job: yield* Effect.orDie(find(earlier.jobId)), replayed: true }
          }
        }
        const { content } = job
        if (content._tag === "Media") {
          const kept = yield* dialect.affected(sql`INSERT INTO job_files (job_row, file_id) SELECT ${row}, id FROM media_files
            WHERE media_id = ${content.mediaId} AND device_id = ${deviceId} AND ready = 1`)
          if (kept === 0) return yield* Effect.dieMessage(`the file ${content.mediaId} was removed before its job was written`)
        }
        const [{ jobId }] = yield* Effect.flatMap(sql`SELECT job_id FROM jobs WHERE id = ${row}`, decodeJobId)
        yield* sql`UPDATE jobs SET ${
          sql.update({
            content: encodeContent({ version: 1, content }),
            delay: job.delay,
            name: job.name ?? null,
            status: "queued",
            total: job.total,
            idempotencyKey: idempotencyKey ?? null,
            requestHash: job.requestHash ?? null,
            updatedAt: yield* Clock.currentTimeMillis
          })
        } WHERE id = ${row}`
        yield* tally.tell(jobId, "now")
        return { job: yield* Effect.orDie(find(jobId)), replayed: false }
      }).pipe(events.transaction, retryConflicts, atBoundary)
    )
  }
})

const decodeJobId = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ jobId: JobId })))
