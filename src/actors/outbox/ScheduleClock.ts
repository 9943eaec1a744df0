import { Effect, Layer, Schedule } from "effect"
import { Devices } from "../../sql/devices/Devices.ts"
import { Schedules } from "../../sql/schedules/Schedules.ts"
import { makeOutboxWake } from "./OutboxWake.ts"

const lookEvery = "1 second"
const atOnce = 100

/** Puts messages into the outbox when their time comes. Several processes may: a slot is taken by one. */
export const ScheduleClock = Layer.scopedDiscard(
  Effect.gen(function*() {
    const schedules = yield* Schedules
    const devices = yield* Devices
    const wake = yield* makeOutboxWake

    const run = (due: Parameters<typeof schedules.run>[0]) =>
      Effect.gen(function*() {
        if (yield* schedules.run(due)) yield* wake(yield* devices.get(due.deviceId))
      }).pipe(
        Effect.catchAllCause((cause) => Effect.logWarning("A scheduled message could not be taken up now", cause)),
        Effect.annotateLogs(due)
      )

    yield* schedules.due(atOnce).pipe(
      Effect.flatMap((due) => Effect.forEach(due, run, { discard: true })),
      Effect.catchAllCause((cause) => Effect.logWarning("Schedules cannot be read now", cause)),
      Effect.repeat(Schedule.spaced(lookEvery)),
      Effect.forkScoped
    )
  })
)
