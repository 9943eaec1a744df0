import { DateTime, Effect, Layer, Schedule } from "effect"
import { wholeNumber } from "../../domain/Settings.ts"
import { Jobs } from "../../sql/jobs/Jobs.ts"

/** `JOB_RETENTION_DAYS`: how long what became of a job's recipients can be read after its end; 0 for ever. */
const retentionDays = wholeNumber("JOB_RETENTION_DAYS", { from: 0, to: 36_500, fallback: 365 })

/** Removes jobs that ended long ago, and what was left of others. */
export const JobPruner = Layer.scopedDiscard(
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const days = yield* retentionDays

    const removeFinished = DateTime.now.pipe(
      Effect.flatMap((now) => jobs.removeFinished(DateTime.subtract(now, { days }))),
      Effect.repeat({ while: (more) => more }),
      Effect.when(() => days > 0)
    )

    yield* Effect.zipRight(jobs.discardAbandoned, removeFinished).pipe(
      Effect.asVoid,
      Effect.catchAllCause((cause) => Effect.logWarning("Old jobs could not be removed", cause)),
      Effect.repeat(Schedule.jittered(Schedule.spaced("1 hour"))),
      Effect.forkScoped
    )
  })
)
