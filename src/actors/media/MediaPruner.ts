import { DateTime, Effect, Layer, Schedule } from "effect"
import { retentionDays } from "../../domain/MediaSettings.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { MessageMediaRows } from "../../sql/messages/MessageMedia.ts"

const hourly = Schedule.jittered(Schedule.spaced("1 hour"))
const rowsAtOnce = 500

/** Lets go of files that have been kept long enough, and removes those that nothing refers to; in small steps. */
export const MediaPruner = Layer.scopedDiscard(
  Effect.gen(function*() {
    const rows = yield* MessageMediaRows
    const library = yield* MediaLibrary
    const days = yield* retentionDays

    const expire = Effect.gen(function*() {
      const before = DateTime.subtract(yield* DateTime.now, { days })
      return yield* rows.expire(before.epochMillis, rowsAtOnce)
    }).pipe(Effect.repeat({ until: (expired) => expired < rowsAtOnce }), Effect.when(() => days > 0))

    yield* Effect.zipRight(expire, library.tidy).pipe(
      Effect.asVoid,
      Effect.catchAllCause((cause) => Effect.logWarning("Old files could not be removed", cause)),
      Effect.repeat(hourly),
      Effect.forkScoped
    )
  })
)
