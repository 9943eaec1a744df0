import { Context, type DateTime, Effect, Layer } from "effect"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Job, JobId, JobNotChangeable, JobNotFound, JobResult } from "../../domain/Job.ts"
import type { IdempotencyConflict, MessageStatus } from "../../domain/Message.ts"
import type { Composition } from "../../domain/OutgoingContent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { type JobFilter, makeJobControl } from "./JobControl.ts"
import { makeJobIntake, type Recipient } from "./JobIntake.ts"
import { makeJobRemoval } from "./JobRemoval.ts"
import { makeJobStaging } from "./JobStaging.ts"

type Change = (jobId: JobId) => Effect.Effect<Job, JobNotChangeable | JobNotFound | StorageUnavailable>

/** Bulk jobs and their recipients. Each change that people see is an event in the same transaction. */
export class Jobs extends Context.Tag("whatsapp-service/Jobs")<Jobs, {
  /** A row for a job that comes in piece by piece; nobody sees it before `finish`, and `discard` leaves nothing of it. */
  readonly begin: (owner: { readonly deviceId: DeviceId; readonly userId: UserId }) => Effect.Effect<number, StorageUnavailable>
  readonly add: (row: number, recipients: ReadonlyArray<Recipient>) => Effect.Effect<void, StorageUnavailable>
  readonly recipients: (row: number, from: number, limit: number) => Effect.Effect<ReadonlyArray<Recipient>, StorageUnavailable>
  /** How many of them want nothing of this user. */
  readonly optedOut: (row: number) => Effect.Effect<number, StorageUnavailable>
  /** From here on it is a job. The same key with the same hash answers with the job of the first call (`replayed`). */
  readonly finish: (row: number, job: {
    readonly deviceId: DeviceId
    readonly content: Composition
    /** milliseconds */
    readonly delay: number
    readonly name: string | undefined
    readonly total: number
    readonly idempotencyKey: string | undefined
    readonly requestHash: string | undefined
  }) => Effect.Effect<{ readonly job: Job; readonly replayed: boolean }, DeviceNotFound | IdempotencyConflict | StorageUnavailable>
  /** What has been finished stays. */
  readonly discard: (row: number) => Effect.Effect<void, StorageUnavailable>
  /** What a process that has ended left half loaded, or half removed. */
  readonly discardAbandoned: Effect.Effect<void, StorageUnavailable>
  /** Some of those that ended before, oldest first, with their lists of recipients; messages stay. Answers whether there may be more. */
  readonly removeFinished: (before: DateTime.Utc) => Effect.Effect<boolean, StorageUnavailable>

  readonly get: (jobId: JobId) => Effect.Effect<Job, JobNotFound | StorageUnavailable>
  /** Newest first. */
  readonly list: (filter: JobFilter) => Effect.Effect<ReadonlyArray<Job>, StorageUnavailable>
  /** In the order of the request. */
  readonly results: (jobId: JobId, query: {
    readonly after?: number | undefined
    readonly status?: MessageStatus | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<JobResult>, JobNotFound | StorageUnavailable>
  readonly pause: Change
  readonly resume: Change
  readonly cancel: Change
  readonly retryFailed: Change

  /** Those that need `stage`. */
  readonly devicesAtWork: Effect.Effect<ReadonlyArray<DeviceId>, StorageUnavailable>
  readonly stage: (deviceId: DeviceId) => Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Jobs,
    Effect.map(
      Effect.all([makeJobIntake, makeJobControl, makeJobStaging, makeJobRemoval]),
      ([intake, control, staging, removal]) => Jobs.of({ ...intake, ...control, ...staging, ...removal })
    )
  )
}
