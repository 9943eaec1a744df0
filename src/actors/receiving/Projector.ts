import { Array, Cause, Context, DateTime, Effect, Layer, Option, Schedule } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Inbound } from "../../domain/Inbound.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { isDisconnect, isRefusal } from "../../sql/database/Dialect.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { Messages } from "../../sql/messages/Messages.ts"
import { plainJid } from "../../whatsapp/receiving/InboundFacts.ts"
import { InboundJournal, type JournalEntry } from "../../whatsapp/receiving/InboundJournal.ts"
import { projectedCount, quarantinedCount } from "../ActorMetrics.ts"
import { Signals } from "../Signals.ts"

const batch = 100
/** before an entry whose rows the database refuses is given up; a refusal may also come of two writers at once */
const tries = Schedule.exponential("50 millis").pipe(Schedule.intersect(Schedule.recurs(2)))

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

      const write = Effect.fnUntraced(function*(deviceId: DeviceId, entries: ReadonlyArray<JournalEntry>) {
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
      })

      /** Aside with it: for its sake nothing else waits, and nothing of it is lost. */
      const putAside = Effect.fnUntraced(function*(deviceId: DeviceId, entries: Array.NonEmptyReadonlyArray<JournalEntry>, why: string) {
        const journalId = entries[0].id
        const messageIds = entries.flatMap(({ fact }) =>
          fact._tag === "Receipt" ? fact.messageIds : fact._tag === "Internal" ? [] : [fact.messageId])
        yield* events.transaction(
          Effect.zipRight(
            journal.quarantine(deviceId, journalId),
            events.append([{ type: "message.quarantined", deviceId, data: { journalId, messageIds, reason: why } }])
          )
        )
        yield* Effect.logError("What WhatsApp sent cannot be written and was put aside").pipe(
          Effect.annotateLogs({ deviceId, journalId, why })
        )
        yield* quarantinedCount
      })

      /** Where not even a fact about nothing can be written, the entry is not to blame, and waits. */
      const lastTry = (deviceId: DeviceId, entries: Array.NonEmptyReadonlyArray<JournalEntry>) =>
        messages.record(deviceId, [nothing]).pipe(
          Effect.zipRight(Effect.catchAllCause(write(deviceId, entries), (cause) =>
            Option.match(refusal(cause), {
              onNone: () => Effect.failCause(cause),
              onSome: (why) => putAside(deviceId, entries, why)
            })))
        )

      /** Each entry by itself: what is wrong with one of them concerns no other. */
      const writeOneByOne = (deviceId: DeviceId, entries: Array.NonEmptyReadonlyArray<JournalEntry>) =>
        Effect.forEach(Array.groupWith(entries, (one, other) => one.id === other.id), (ofOne) =>
          write(deviceId, ofOne).pipe(
            Effect.sandbox,
            Effect.retry({ schedule: tries, while: (cause) => Option.isSome(refusal(cause)) }),
            Effect.unsandbox,
            Effect.catchAllCause((cause) =>
              Option.isSome(refusal(cause)) ? lastTry(deviceId, ofOne) : Effect.failCause(cause))
          ), { discard: true })

      const project = Effect.fnUntraced(function*(deviceId: DeviceId) {
        const entries = yield* journal.pending(deviceId, batch)
        if (!Array.isNonEmptyReadonlyArray(entries)) return 0
        yield* write(deviceId, entries).pipe(
          Effect.catchAllCause((cause) =>
            Option.isSome(refusal(cause)) ? writeOneByOne(deviceId, entries) : Effect.failCause(cause))
        )
        // several facts of one entry may go beyond the limit, which counts entries
        return new Set(entries.map((entry) => entry.id)).size
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

/** A fact that goes the way of all facts and leaves nothing behind. */
const nothing = Inbound.Receipt({
  origin: { chat: plainJid("status@broadcast"), peer: undefined, participant: undefined, fromMe: false },
  messageIds: [],
  status: "sent",
  timestamp: DateTime.unsafeMake(0)
})

/**
 * Why this cannot be written, whenever one tries; none if the database is to blame, or nobody. MySQL ends the connection on a
 * statement that is too large for it, which looks as if it were gone.
 */
const refusal = (cause: Cause.Cause<StorageUnavailable>): Option.Option<string> => {
  if (Cause.isInterrupted(cause)) return Option.none()
  const error = Cause.squash(cause)
  if (!Cause.isDie(cause) && !isRefusal(error) && !isDisconnect(error)) return Option.none()
  return Option.some(innermost(error).slice(0, 500))
}

/** The drivers' own words: what wraps them says no more than that a statement failed. */
const innermost = (error: unknown): string =>
  error instanceof Error ? (error.cause === undefined ? error.message : innermost(error.cause)) : String(error)
