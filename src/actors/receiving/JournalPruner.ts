import { Effect, Layer, Schedule } from "effect"
import { InboundJournal } from "../../whatsapp/receiving/InboundJournal.ts"

const hourly = Schedule.jittered(Schedule.spaced("1 hour"))
const rowsAtOnce = 1000

/** Removes journal entries that have served their time, in small steps, so that nothing waits for it. */
export const JournalPruner = Layer.scopedDiscard(
  Effect.flatMap(InboundJournal, (journal) =>
    journal.prune(rowsAtOnce).pipe(
      Effect.repeat({ until: (removed) => removed < rowsAtOnce }),
      Effect.asVoid,
      Effect.catchAllCause((cause) => Effect.logWarning("Old journal entries could not be removed", cause)),
      Effect.repeat(hourly),
      Effect.forkScoped
    ))
)
