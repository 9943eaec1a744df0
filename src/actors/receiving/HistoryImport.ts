import { Context, DateTime, Duration, Effect, Layer, Option, Schedule } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { Messages } from "../../sql/messages/Messages.ts"
import { type HistoryEntry, InboundJournal } from "../../whatsapp/receiving/InboundJournal.ts"
import type { Connection, QueryFailed } from "../../whatsapp/WhatsApp.ts"
import { jitteredPauses } from "../UntilStored.ts"

/** WhatsApp keeps the files about as long as what it could not deliver. */
const keptFor = Duration.days(14)
const tries = Schedule.exponential("5 seconds").pipe(Schedule.intersect(Schedule.recurs(5)), jitteredPauses)

/**
 * Stores what the phone remembers of before the pairing, piece by piece. A piece is fetched when the one before it is stored,
 * and its notification stays in the journal until then: whatever ends the process, it is fetched again.
 */
export class HistoryImport extends Context.Tag("whatsapp-service/HistoryImport")<HistoryImport, {
  /** Until no piece waits. */
  readonly drain: (deviceId: DeviceId, connection: Connection) => Effect.Effect<void, QueryFailed | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    HistoryImport,
    Effect.gen(function*() {
      const journal = yield* InboundJournal
      const messages = yield* Messages
      const events = yield* EventLog

      const store = Effect.fnUntraced(function*(deviceId: DeviceId, entry: HistoryEntry, connection: Connection) {
        const { chats, messages: count, parts, progress, syncType } = yield* connection.history(entry.notification).pipe(
          Effect.retry({ schedule: tries, while: (error) => error._tag === "QueryFailed" })
        )
        let stored = 0
        for (const part of parts) {
          stored += yield* messages.recordHistory(deviceId, part)
          // what is going on now goes first: with a synchronous database nobody else would have a turn
          yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        }
        yield* events.transaction(Effect.zipRight(
          journal.done(deviceId, [entry.id]),
          count === 0 ? Effect.void : events.append([
            { type: "history.synced", deviceId, data: { syncType, progress, chats, messages: count, stored } }
          ])
        ))
      })

      const piece = Effect.fnUntraced(function*(deviceId: DeviceId, connection: Connection) {
        const entry = yield* journal.history(deviceId)
        if (Option.isNone(entry)) return false
        const { id, since } = entry.value
        const isOld = DateTime.lessThan(DateTime.addDuration(since, keptFor), yield* DateTime.now)
        const giveUp = (cause: unknown) =>
          Effect.zipRight(Effect.logWarning("A piece of the phone's history is lost: WhatsApp no longer has it", cause), journal.done(deviceId, [id]))
        yield* store(deviceId, entry.value, connection).pipe(
          Effect.catchTags({
            HistoryGone: giveUp,
            QueryFailed: (error) => isOld ? giveUp(error) : error
          })
        )
        return true
      })

      return HistoryImport.of({
        drain: Effect.fn("HistoryImport.drain")((deviceId, connection) =>
          Effect.asVoid(Effect.repeat(piece(deviceId, connection), { while: (more) => more }))
        )
      })
    })
  )
}
