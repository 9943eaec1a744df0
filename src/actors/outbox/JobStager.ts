import { Effect, Layer, Schedule } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { Jobs } from "../../sql/jobs/Jobs.ts"
import { makeOutboxWake } from "./OutboxWake.ts"

/** A window of messages lasts longer than this at any rate that WhatsApp takes. */
const lookEvery = "250 millis"
const devicesAtOnce = 4

/** Keeps the queues of devices that have jobs to do filled. In several processes they take turns, row lock by row lock. */
export const JobStager = Layer.scopedDiscard(
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const devices = yield* Devices
    const wake = yield* makeOutboxWake

    const stage = (deviceId: DeviceId) =>
      Effect.gen(function*() {
        if ((yield* jobs.stage(deviceId)) > 0) yield* wake(yield* devices.get(deviceId))
      }).pipe(
        Effect.catchAllCause((cause) => Effect.logWarning("A job could not go on now", cause)),
        Effect.annotateLogs({ deviceId })
      )

    yield* jobs.devicesAtWork.pipe(
      Effect.flatMap((found) => Effect.forEach(found, stage, { concurrency: devicesAtOnce, discard: true })),
      Effect.catchAllCause((cause) => Effect.logWarning("Jobs cannot be read now", cause)),
      Effect.repeat(Schedule.spaced(lookEvery)),
      Effect.forkScoped
    )
  })
)
