import { SqlClient } from "@effect/sql"
import { Clock, type DateTime, Effect, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { isJob } from "./JobRow.ts"

const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))
const decodeOwned = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, deviceId: DeviceId })))

const recipientsAtOnce = 5000
const jobsAtOnce = 100
/** Milliseconds; no upload takes as long. */
const abandonedAfter = 3_600_000

/** What of a job nobody sees goes in pieces, so that others write in between; what a death leaves of it is found again. */
export const makeJobRemoval = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const unseen = sql`NOT (${sql.literal(isJob)})`

  const discard = Effect.fn("Jobs.discard")(function*(row: number) {
    const found = yield* decodeIds(yield* sql`SELECT id FROM jobs WHERE id = ${row} AND ${unseen}`)
    if (found.length === 0) return
    yield* dialect.affected(sql`DELETE FROM job_recipients WHERE job_row = ${row} AND position < (
        SELECT first + ${recipientsAtOnce} FROM (SELECT MIN(position) AS first FROM job_recipients WHERE job_row = ${row}) rest
      )`).pipe(Effect.repeat({ until: (removed) => removed === 0 }))
    yield* sql`DELETE FROM job_files WHERE job_row = ${row}`
    yield* sql`DELETE FROM jobs WHERE id = ${row} AND ${unseen}`
  }, retryConflicts, atBoundary)

  /** With the device's row locked, as by whoever has failed messages sent once more: that job stays. */
  const hide = ({ deviceId, id }: { readonly id: number; readonly deviceId: DeviceId }, before: number) =>
    Effect.zipRight(
      lock.byId(deviceId),
      dialect.affected(sql`UPDATE jobs SET status = 'removed'
        WHERE id = ${id} AND status IN ('completed', 'cancelled') AND finished_at < ${before}`)
    ).pipe(sql.withTransaction, retryConflicts)

  return {
    discard,

    discardAbandoned: Effect.gen(function*() {
      const before = (yield* Clock.currentTimeMillis) - abandonedAfter
      const rows = yield* decodeIds(yield* sql`SELECT id FROM jobs WHERE ${unseen} AND updated_at < ${before}`)
      yield* Effect.forEach(rows, ({ id }) => discard(id), { discard: true })
    }).pipe(atBoundary, Effect.withSpan("Jobs.discardAbandoned")),

    removeFinished: Effect.fn("Jobs.removeFinished")(function*(before: DateTime.Utc) {
      const rows = yield* sql`SELECT id, device_id FROM jobs
        WHERE status IN ('completed', 'cancelled') AND finished_at < ${before.epochMillis} ORDER BY id ${dialect.limit(jobsAtOnce)}`
      const old = yield* decodeOwned(rows)
      yield* Effect.forEach(old, (job) => Effect.zipRight(hide(job, before.epochMillis), discard(job.id)), { discard: true })
      return old.length === jobsAtOnce
    }, atBoundary)
  }
})
