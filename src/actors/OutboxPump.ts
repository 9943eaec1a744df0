import { Context, DateTime, Duration, Effect, FiberSet, Layer, Match, Option, Predicate, Queue, Schedule } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import { phoneJid } from "../domain/Jid.ts"
import type { SendFailure } from "../domain/Message.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { Contacts } from "../sql/Contacts.ts"
import { Outbox, type OutboxRow } from "../sql/Outbox.ts"
import { encodeText } from "../whatsapp/OutgoingContent.ts"
import type { Connection, QueryFailed, SendError } from "../whatsapp/WhatsApp.ts"
import { sendCount, sendLatency } from "./ActorMetrics.ts"
import { refusal } from "./Refusal.ts"
import { Signals } from "./Signals.ts"

/** Chats in flight at once: acks of different chats overlap, within a chat the order is kept. */
const lanes = 16
/** After so many attempts a message that nobody acknowledges is `failed`; a late receipt still overrules that. */
const unacknowledgedLimit = 8
const lastAcksWithin = Duration.seconds(5)
const whileInFlight = Duration.seconds(1)
const whenIdle = Duration.seconds(15)
const untilStored = Schedule.exponential("200 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  Schedule.jittered
)

export interface PumpOptions {
  readonly deviceId: DeviceId
  readonly epoch: number
  readonly connection: Connection
  /** runs when messages go unacknowledged although the link seems alive */
  readonly stuck: Effect.Effect<void>
}

/** Sends what is due on one open connection, for as long as that lives. */
export class OutboxPump extends Context.Tag("whatsapp-service/OutboxPump")<OutboxPump, {
  readonly run: (options: PumpOptions) => Effect.Effect<never>
}>() {
  static readonly layer = Layer.effect(
    OutboxPump,
    Effect.gen(function*() {
      const outbox = yield* Outbox
      const contacts = yield* Contacts
      const signals = yield* Signals

      const postpone = (row: OutboxRow, seconds: number) =>
        Effect.flatMap(DateTime.now, (now) => persist(outbox.postpone(row, DateTime.add(now, { seconds }))))

      const fail = (row: OutboxRow, failure: SendFailure) =>
        Effect.zipRight(persist(outbox.failed(row, failure)), sendCount("failed"))

      /** Failed for good after `limit` attempts, otherwise the same message once more, later. */
      const again = (row: OutboxRow, limit: number, seconds: number, failure: SendFailure) =>
        row.attempts + 1 >= limit ? fail(row, failure) : postpone(row, seconds)

      /** The address to write to; none if WhatsApp does not know the number. */
      const recipient = Effect.fnUntraced(function*(connection: Connection, deviceId: DeviceId, row: OutboxRow) {
        if (row.groupJid !== null) return Option.some(row.groupJid)
        if (row.phone === null) return Option.fromNullable(row.lid)
        if (row.lid !== null) return Option.some(phoneJid(row.phone))
        const [found] = yield* connection.lookup([row.phone])
        if (found === undefined) return Option.none()
        yield* persist(contacts.upsert(deviceId, [{ ...found, phone: found.phone ?? row.phone }]))
        return Option.some(phoneJid(found.phone ?? row.phone))
      })

      const run = Effect.fnUntraced(function*({ connection, deviceId, epoch, stuck }: PumpOptions) {
        const wake = yield* signals.outbox(deviceId)
        const fibers = yield* FiberSet.make()
        // what is on the wire when the connection is to be closed may still get its ack
        yield* Effect.addFinalizer(() =>
          FiberSet.awaitEmpty(fibers).pipe(Effect.interruptible, Effect.timeout(lastAcksWithin), Effect.ignore)
        )
        const busyChats = new Set<string>()
        let unacknowledged = 0

        const settle = (row: OutboxRow) =>
          Match.type<SendError | QueryFailed>().pipe(
            Match.tag("SendRefused", ({ code }) => {
              const { failure, retry } = refusal(code)
              return retry === undefined ? fail(row, failure) : again(row, retry.attempts, retry.seconds, failure)
            }),
            Match.tag("SendUnacknowledged", () => {
              unacknowledged += 1
              const settled = again(row, unacknowledgedLimit, 1, unacknowledgedFailure)
              return unacknowledged < 2 ? settled : Effect.zipRight(settled, stuck)
            }),
            Match.tag("SendNotAttempted", ({ reason }) => {
              switch (reason) {
                case "no_devices":
                  return again(row, 3, 5, noDevices)
                case "encryption_failed":
                  return again(row, 3, 5, notEncrypted)
                // the connection is about to end; the next one takes the row up again
                case "offline":
                  return Effect.sleep("1 second")
                case "lookup_failed":
                case "storage":
                  return postpone(row, 3)
              }
            }),
            Match.tag("QueryFailed", () => postpone(row, 3)),
            Match.exhaustive
          )

        const send = Effect.fn("OutboxPump.send")(
          function*(row: OutboxRow) {
            const to = yield* recipient(connection, deviceId, row)
            if (Option.isNone(to)) return yield* fail(row, notOnWhatsApp)
            const payload = row.payload ?? encodeText(row.content)
            yield* persist(outbox.claim(row, epoch, payload))
            const [took, ack] = yield* Effect.timed(connection.send(to.value, row.messageId, payload))
            unacknowledged = 0
            yield* persist(outbox.sent(row, ack.at))
            yield* Effect.zipRight(sendCount("sent"), sendLatency(took))
          },
          (effect, row) =>
            effect.pipe(
              Effect.catchTags({
                SendRefused: settle(row),
                SendUnacknowledged: settle(row),
                SendNotAttempted: settle(row),
                QueryFailed: settle(row),
                // another owner sends from now on; this connection is being closed
                OwnerChanged: () => Effect.never
              }),
              Effect.zipRight(signals.messagesChanged([row.messageId])),
              Effect.ensuring(
                Effect.suspend(() => {
                  busyChats.delete(row.chatKey)
                  return Queue.offer(wake, undefined)
                })
              )
            )
        )

        const launch = Effect.fnUntraced(function*(row: OutboxRow) {
          if (busyChats.size >= lanes || busyChats.has(row.chatKey)) return
          busyChats.add(row.chatKey)
          yield* FiberSet.run(fibers, send(row))
        })

        const pass = Effect.gen(function*() {
          yield* Effect.forEach(yield* outbox.due(deviceId, lanes * 2), launch, { discard: true })
          yield* Effect.race(Queue.take(wake), Effect.sleep(busyChats.size > 0 ? whileInFlight : yield* idleTime(deviceId)))
        })

        return yield* Effect.forever(Effect.zipRight(persist(pass), Effect.yieldNow()))
      }, Effect.scoped)

      const idleTime = Effect.fnUntraced(function*(deviceId: DeviceId) {
        const next = yield* outbox.nextDueAt(deviceId)
        const now = yield* DateTime.now
        return Option.match(next, {
          onNone: () => whenIdle,
          onSome: (at) => Duration.clamp(DateTime.distanceDuration(now, at), { minimum: "10 millis", maximum: whenIdle })
        })
      })

      return OutboxPump.of({ run })
    })
  )
}

/** What has happened on the wire is written down, however long the database takes; nothing is sent twice for it. */
const persist = <A, E>(effect: Effect.Effect<A, E | StorageUnavailable>) =>
  Effect.retry(
    effect,
    Schedule.whileInput(untilStored, (error: E | StorageUnavailable) => Predicate.isTagged(error, "StorageUnavailable"))
  ) as Effect.Effect<A, Exclude<E, StorageUnavailable>>

const failure = (code: SendFailure["code"], text: string): SendFailure => ({ code, text, whatsapp: null })
const notOnWhatsApp = failure("NOT_ON_WHATSAPP", "This number is not on WhatsApp.")
const noDevices = failure("NO_DEVICES", "WhatsApp names no device of this number.")
const notEncrypted = failure("ENCRYPTION_FAILED", "The message could not be encrypted for any device of this number.")
const unacknowledgedFailure = failure(
  "UNACKNOWLEDGED",
  "WhatsApp did not acknowledge the message; it may or may not have arrived."
)
