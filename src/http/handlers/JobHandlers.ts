import { HttpApiBuilder, type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Chunk, Clock, DateTime, Effect, Either, Layer, Option, Stream } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { AuditAction } from "../../domain/Audit.ts"
import type { Job, JobId, JobNotChangeable, JobNotFound, JobResult } from "../../domain/Job.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Jobs } from "../../sql/jobs/Jobs.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import type { JobFilter } from "../../sql/jobs/JobControl.ts"
import { Waiting } from "../../sql/outbox/Waiting.ts"
import { Api } from "../Api.ts"
import { Caller, CallerDevice } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"
import type { SendHeaders } from "../contract/SendAnswer.ts"
import { type JobKind, JobLoading } from "../jobs/JobLoading.ts"
import { makeMediaJobs } from "../jobs/MediaJobs.ts"
import { makeTextJobs } from "../jobs/TextJobs.ts"
import { makeGroupReading } from "./GroupReading.ts"
import { makeNoting } from "./Noting.ts"
import { markReplayed } from "./SendRequests.ts"

const making = HttpApiBuilder.group(Api, "deviceJobs", (handlers) =>
  Effect.gen(function*() {
    const loading = yield* JobLoading
    const texts = yield* makeTextJobs
    const media = yield* makeMediaJobs
    const reading = yield* makeGroupReading
    const { note } = yield* makeNoting

    const load = Effect.fnUntraced(function*<E>(
      { headers, request, urlParams: { dryRun } }: Call,
      kind: JobKind<E>
    ) {
      const { caller, device } = yield* CallerDevice
      const loaded = yield* loading.load({ device, request, dryRun, idempotencyKey: headers["idempotency-key"] }, kind)
      if (Either.isLeft(loaded)) return loaded.left
      const { job, replayed, ...rest } = loaded.right
      if (replayed) yield* markReplayed
      else {
        const { deviceId, jobId, progress } = job
        yield* note({ actor: caller, action: "job.create", target: { type: "job", id: jobId }, details: { deviceId, total: progress.total } })
      }
      return { ...(yield* jobView(job)), ...rest }
    })

    return handlers
      .handleRaw("sendText", (call) => {
        const { dryRun: _, ...settings } = call.urlParams
        return load(call, texts(settings))
      })
      .handleRaw("sendMediaToMany", (call) => load(call, media(call.urlParams, undefined)))
      .handleRaw("sendGroupMediaOften", (call) =>
        Effect.gen(function*() {
          const { groupId } = call.path
          const { device } = yield* CallerDevice
          yield* reading.writable(device, groupId)
          return yield* load(call, media(call.urlParams, groupId))
        }))
  }))

interface Call {
  readonly headers: typeof SendHeaders.Type
  readonly request: HttpServerRequest.HttpServerRequest
  readonly urlParams: { readonly dryRun: boolean }
}

const jobView = (job: Job) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const { createdAt, delay, deviceId, finishedAt, jobId, name, progress, startedAt, status, userId } = job
    const end = job.estimatedEnd(now)
    return {
      jobId, deviceId, userId, name, status, delaySec: delay / 1000, total: progress.total, progress,
      ratePerMinute: job.ratePerMinute(now),
      estimatedEndAt: end === null ? null : DateTime.unsafeMake(end),
      createdAt, startedAt, finishedAt
    }
  })

const pageOfJobs = (found: ReadonlyArray<Job>, limit: number) =>
  Effect.map(Effect.forEach(found, (job) => Effect.map(jobView(job), (view) => ({ id: job.id, view }))), (views) => {
    const { items, ...rest } = page(views, limit, ({ id }) => id)
    return { ...rest, items: items.map(({ view }) => view) }
  })

const makeOwnJobs = Effect.map(Effect.all([Jobs, Devices, Waiting]), ([jobs, devices, waiting]) => ({
  details: Effect.fnUntraced(function*(job: Job) {
    const waitingFor = yield* devices.get(job.deviceId).pipe(
      Effect.flatMap((device) => waiting.explainJob(device, job)),
      // deleted since: nothing of it is sent any more
      Effect.catchTag("DeviceNotFound", () => Effect.succeed(null))
    )
    return { ...(yield* jobView(job)), waitingFor }
  }),
  list: Effect.fnUntraced(function*(filter: JobFilter) {
    return yield* pageOfJobs(yield* jobs.list({ ...filter, limit: filter.limit + 1 }), filter.limit)
  }),
  /** The caller's, or anybody's for an administrator. */
  get: Effect.fnUntraced(function*(jobId: JobId) {
    const { devices, role, userId } = yield* Caller
    const job = yield* jobs.get(jobId)
    const may = (role === "admin" || job.userId === userId) && (devices === null || devices.includes(job.deviceId))
    return may ? job : yield* new Forbidden()
  })
}))

/** Writes down who has had what done to a job. */
const makeNotedChanges = Effect.map(Effect.all([makeOwnJobs, makeNoting]), ([own, { after }]) =>
  (action: AuditAction, change: (jobId: JobId) => Effect.Effect<Job, JobNotChangeable | JobNotFound | StorageUnavailable>) =>
    Effect.fnUntraced(function*({ path: { jobId } }: { readonly path: { readonly jobId: JobId } }) {
      const { deviceId } = yield* own.get(jobId)
      const actor = yield* Caller
      return yield* jobView(yield* after(change(jobId), () => ({ actor, action, target: { type: "job", id: jobId }, details: { deviceId } })))
    }))

const using = HttpApiBuilder.group(Api, "jobs", (handlers) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const own = yield* makeOwnJobs
    const change = yield* makeNotedChanges
    const csv = (jobId: JobId) =>
      Stream.concat(
        Stream.make(`${csvColumns.join(",")}\n`),
        Stream.paginateChunkEffect(-1, (after) =>
          Effect.map(jobs.results(jobId, { after, limit: csvRowsAtOnce }), (rows) => [
            rowsOf(rows),
            rows.length < csvRowsAtOnce ? Option.none() : Option.some(rows.at(-1)!.position)
          ] as const))
      ).pipe(Stream.encodeText)

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.gen(function*() {
          const { devices, role, userId } = yield* Caller
          return yield* own.list({ ...urlParams, userId: role === "admin" ? undefined : userId, deviceIds: devices ?? undefined })
        }))
      .handle("get", ({ path: { jobId } }) => Effect.flatMap(own.get(jobId), own.details))
      .handle("results", ({ path: { jobId }, urlParams: { limit, ...query } }) =>
        Effect.gen(function*() {
          yield* own.get(jobId)
          return page(yield* jobs.results(jobId, { ...query, limit: limit + 1 }), limit, ({ position }) => position)
        }))
      .handleRaw("resultsCsv", ({ path: { jobId } }) =>
        Effect.as(
          own.get(jobId),
          HttpServerResponse.stream(csv(jobId), {
            contentType: "text/csv; charset=utf-8",
            headers: { "content-disposition": `attachment; filename="${jobId}.csv"` }
          })
        ))
      .handle("pause", change("job.pause", jobs.pause))
      .handle("resume", change("job.resume", jobs.resume))
      .handle("cancel", change("job.cancel", jobs.cancel))
      .handle("retryFailed", change("job.retry", jobs.retryFailed))
  }))

const administering = HttpApiBuilder.group(Api, "adminJobs", (handlers) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const own = yield* makeOwnJobs
    const change = yield* makeNotedChanges
    return handlers
      .handle("list", ({ urlParams }) => own.list(urlParams))
      .handle("get", ({ path: { jobId } }) => Effect.flatMap(own.get(jobId), own.details))
      .handle("cancel", change("job.cancel", jobs.cancel))
  }))

export const layer = Layer.mergeAll(making, using, administering)

const csvRowsAtOnce = 1000
const csvColumns = ["position", "to", "status", "messageId", "sentAt", "deliveredAt", "readAt", "failureCode", "failure"] as const

const time = (at: DateTime.Utc | null) => at === null ? "" : DateTime.formatIso(at)
const rowsOf = (rows: ReadonlyArray<JobResult>) =>
  Chunk.fromIterable(rows.map((row) => {
    const fields = [
      `${row.position + 1}`, row.to, row.optedOut ? "opted_out" : row.status, row.messageId ?? "", time(row.sentAt),
      time(row.deliveredAt), time(row.readAt), row.failure?.code ?? "", row.failure?.text ?? ""
    ]
    return `${fields.map((field) => /[",\n\r]/.test(field) ? `"${field.replaceAll("\"", "\"\"")}"` : field).join(",")}\n`
  }))
