import { Duration, Effect, Predicate, Schedule } from "effect"
import type { StorageUnavailable } from "../domain/Storage.ts"

/** Jittered by whole milliseconds, as times are stored: a virtual clock moves by what was waited for. */
export const jitteredPauses = <Out, In>(schedule: Schedule.Schedule<Out, In>) =>
  Schedule.jittered(schedule).pipe(Schedule.delayed((pause) => Duration.millis(Math.round(Duration.toMillis(pause)))))

/** How long to wait for the database before the next try; capped, and without an end. */
export const storagePauses = Schedule.exponential("200 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  jitteredPauses
)

/** What has happened outside is written down, however long the database takes; nothing is done twice for it. */
export const untilStored = <A, E, R>(effect: Effect.Effect<A, E | StorageUnavailable, R>) =>
  Effect.retry(
    effect,
    Schedule.whileInput(storagePauses, (error: E | StorageUnavailable) => Predicate.isTagged(error, "StorageUnavailable"))
  ) as Effect.Effect<A, Exclude<E, StorageUnavailable>, R>
