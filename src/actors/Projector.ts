import { Context, Effect, Layer } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import { Inbound } from "../domain/Inbound.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { EventLog } from "../sql/EventLog.ts"
import { Messages } from "../sql/Messages.ts"
import { InboundJournal } from "../whatsapp/InboundJournal.ts"
import { projectedCount } from "./ActorMetrics.ts"
import { Signals } from "./Signals.ts"

const batch = 100

/** Turns the journal of a device into rows and events, oldest first, each batch in one transaction. */
export class Projector extends Context.Tag("whatsapp-service/Projector")<Projector, {
  /** Until the journal is empty; safe to repeat at any time. Returns how many entries it took. */
  readonly drain: (deviceId: DeviceId) => Effect.Effect<number, StorageUnavailable>
  /** The same for the last time, before the journal is forgotten: what no rows can be made of is told and given up. */
  readonly finish: (deviceId: DeviceId) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Projector,
    Effect.gen(function*() {
      const journal = yield* InboundJournal
      const messages = yield* Messages
      const events = yield* EventLog
      const signals = yield* Signals

      const project = Effect.fnUntraced(function*(deviceId: DeviceId) {
        const entries = yield* journal.pending(deviceId, batch)
        if (entries.length === 0) return 0
        const facts = entries.map((entry) => entry.fact)
        yield* events.transaction(
          Effect.zipRight(
            journal.done(deviceId, entries.map((entry) => entry.id)),
            messages.record(deviceId, facts.filter((fact) => fact._tag !== "Internal"))
          )
        )
        yield* signals.messagesChanged(facts.filter(Inbound.$is("Receipt")).flatMap((receipt) => receipt.messageIds))
        if (facts.some((fact) => fact._tag === "Message" && fact.secrets?.media !== undefined)) yield* signals.mediaChanged(deviceId)
        yield* projectedCount(entries.length)
        return entries.length
      })

      const drain = Effect.fn("Projector.drain")(function*(deviceId: DeviceId) {
        let total = 0
        let taken = 0
        do {
          taken = yield* project(deviceId)
          total += taken
        } while (taken === batch)
        return total
      })

      return Projector.of({
        drain,
        finish: (deviceId) =>
          drain(deviceId).pipe(
            Effect.catchAllDefect((defect) => Effect.logError("What WhatsApp sent is forgotten unread", defect)),
            Effect.asVoid
          )
      })
    })
  )
}
