import { Cause, Effect, Option, Predicate, Queue } from "effect"
import type { GroupDesk } from "./GroupDesk.ts"
import { storagePauses } from "../UntilStored.ts"

/** Keeps a device's groups up to date for as long as its socket lives. */
export const makeGroupUpkeep = Effect.gen(function*() {
  const told = yield* Queue.sliding<void>(1)
  const stale = yield* Queue.sliding<void>(1)

  return {
    /** The journal has grown by what is said of groups. */
    told: Queue.offer(told, undefined),
    /** WhatsApp will not say all that has changed. */
    stale: Queue.offer(stale, undefined),

    project: (desk: GroupDesk) =>
      desk.drain.pipe(
        Effect.sandbox,
        Effect.tapError((cause) => Effect.logWarning("What WhatsApp said of groups could not be written yet", cause)),
        Effect.retry({ schedule: storagePauses, while: (cause) => !Cause.isInterruptedOnly(cause) }),
        Effect.zipRight(Queue.take(told)),
        Effect.forever
      ),

    /** To run when all that waited has been told. */
    sync: (desk: GroupDesk) => {
      const sync = (always: boolean) =>
        desk.sync(always).pipe(
          Effect.retry({ schedule: storagePauses, while: Predicate.isTagged("StorageUnavailable") }),
          Effect.catchAllCause((cause) =>
            Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : Effect.logWarning("Groups could not be asked for", cause))
        )
      return Effect.flatMap(Queue.poll(stale), (now) => sync(Option.isSome(now))).pipe(
        Effect.zipRight(Effect.forever(Effect.zipRight(Queue.take(stale), sync(true))))
      )
    }
  }
})
