import { Effect, Layer, Schedule } from "effect"
import { EventRetention } from "../sql/events/EventRetention.ts"
import { Plugins } from "./Plugins.ts"

const hourly = Schedule.jittered(Schedule.spaced("1 hour"))
const rowsAtOnce = 1000

/** Removes events that have served their time, in small steps, and never silently one that a plugin has not come to. */
export const EventPruner = Layer.scopedDiscard(Effect.gen(function*() {
  const plugins = yield* Plugins
  const retention = yield* EventRetention

  const step = Effect.gen(function*() {
    const { neededRemoved, removed } = yield* retention.prune({ needed: yield* plugins.needs, limit: rowsAtOnce })
    if (neededRemoved > 0) {
      yield* Effect.logError("Events were removed that a plugin had not come to: it is too far behind").pipe(
        Effect.annotateLogs({ events: neededRemoved })
      )
    }
    return removed
  })

  yield* step.pipe(
    Effect.repeat({ until: (removed) => removed < rowsAtOnce }),
    Effect.catchAllCause((cause) => Effect.logWarning("Old events could not be removed", cause)),
    Effect.repeat(hourly),
    Effect.forkScoped
  )
}))
