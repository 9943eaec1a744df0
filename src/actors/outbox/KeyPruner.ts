import { Effect, Layer, Schedule } from "effect"
import { duration } from "../../domain/Settings.ts"
import { IdempotencyKeys } from "../../sql/outbox/IdempotencyKeys.ts"

/** `IDEMPOTENCY_RETENTION`: how long a call's key is remembered. */
const retention = duration("IDEMPOTENCY_RETENTION", "30 days")

/** Forgets idempotency keys that nobody will repeat. */
export const KeyPruner = Layer.scopedDiscard(
  Effect.gen(function*() {
    const keys = yield* IdempotencyKeys
    const age = yield* retention
    yield* keys.forget(age).pipe(
      Effect.repeat({ while: (more) => more }),
      Effect.asVoid,
      Effect.catchAllCause((cause) => Effect.logWarning("Old idempotency keys could not be forgotten", cause)),
      Effect.repeat(Schedule.spaced("1 hour")),
      Effect.forkScoped
    )
  })
)
