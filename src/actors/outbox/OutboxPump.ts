import { Cause, Clock, Context, DateTime, Duration, Effect, FiberSet, Layer, Option, Queue } from "effect"
import { setTimeout as sleep } from "node:timers/promises"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { failpoint } from "../../domain/Failpoint.ts"
import { isForward } from "../../domain/Message.ts"
import type { OwnerChanged } from "../../domain/Storage.ts"
import { makeGathering } from "../../sql/database/Gathering.ts"
import { Messages } from "../../sql/messages/Messages.ts"
import { type Claim, Outbox, type OutboxRow, type SentRow } from "../../sql/outbox/Outbox.ts"
import type { Connection } from "../../whatsapp/WhatsApp.ts"
import { sendSucceeded } from "../ActorMetrics.ts"
import type { DeviceRestriction } from "../DeviceRestriction.ts"
import { Lanes, lanes } from "./Lanes.ts"
import { makeMediaUploads } from "../media/MediaUploads.ts"
import { payloadOf } from "./OutboxPayload.ts"
import { makePacer, type Outlook } from "./Pacer.ts"
import { makeRecipients } from "./Recipients.ts"
import { makeSettlement } from "./Settlement.ts"
import { Signals } from "../Signals.ts"
import { storagePauses, untilStored } from "../UntilStored.ts"

const lastAcksWithin = Duration.seconds(5)
const whileInFlight = Duration.seconds(1)
const whenIdle = Duration.seconds(15)

/** Milliseconds; at most so many looks, so far apart, whether more lanes have become free. Of the event loop's time, not of the clock. */
const gathering = { looks: 10, pause: 5 }

const uncrowded = (inFlight: Lanes) =>
  Effect.promise(() => sleep(gathering.pause)).pipe(
    Effect.repeat({ times: gathering.looks - 1, while: () => inFlight.isCrowded }),
    Effect.when(() => inFlight.isCrowded)
  )

export interface PumpOptions {
  readonly deviceId: DeviceId
  readonly epoch: number
  readonly connection: Connection
  readonly restriction: DeviceRestriction
  /** runs when nothing can be sent although the link seems alive */
  readonly stuck: (text: string) => Effect.Effect<void>
  /** runs when another process owns the device */
  readonly disowned: (error: OwnerChanged) => Effect.Effect<void>
}

/** Sends what is due on one open connection, for as long as that lives. */
export class OutboxPump extends Context.Tag("whatsapp-service/OutboxPump")<OutboxPump, {
  readonly run: (options: PumpOptions) => Effect.Effect<never>
}>() {
  static readonly layer = Layer.effect(
    OutboxPump,
    Effect.gen(function*() {
      const outbox = yield* Outbox
      const messages = yield* Messages
      const signals = yield* Signals
      const recipientsOf = yield* makeRecipients
      const uploadsOf = yield* makeMediaUploads
      const pacerOf = yield* makePacer
      const settlementOf = yield* makeSettlement

      /** Waits for a receipt: whoever gives one has the message, and its ack is lost or late. */
      const received = Effect.fnUntraced(function*(deviceId: DeviceId, row: OutboxRow) {
        const taps = yield* signals.message(row.messageId)
        const status = Queue.take(taps).pipe(
          Effect.zipRight(messages.get(deviceId, row.messageId)),
          Effect.map(({ status }) => status),
          // who cannot look now waits for the ack
          Effect.catchAll(() => Effect.succeed("pending" as const))
        )
        yield* Effect.repeat(status, { until: (status) => isForward("sent", status) || status === "sent" })
        return "received" as const
      })

      const run = Effect.fnUntraced(function*(options: PumpOptions) {
        const { connection, deviceId, epoch, restriction } = options
        const wake = yield* signals.outbox(deviceId)
        // these two end after the fibers that wait for them
        const claim = yield* makeGathering((claims: ReadonlyArray<Claim>) => untilStored(outbox.claim(deviceId, epoch, claims)))
        const acknowledged = yield* makeGathering((acks: ReadonlyArray<SentRow>) =>
          Effect.as(untilStored(outbox.sent(deviceId, acks)), acks)
        )
        const fibers = yield* FiberSet.make()
        const ending = yield* Effect.makeLatch(false)
        // what is on the wire when the connection is to be closed may still get its ack
        yield* Effect.addFinalizer(() =>
          Effect.zipRight(
            ending.open,
            FiberSet.awaitEmpty(fibers).pipe(Effect.interruptible, Effect.timeout(lastAcksWithin), Effect.ignore)
          )
        )
        const inFlight = new Lanes()
        const recipient = recipientsOf(deviceId, connection)
        const upload = uploadsOf(deviceId, connection)
        const pacer = pacerOf(deviceId, restriction)
        const settlement = settlementOf({ ...options, pacer, ending: ending.await })

        const send = Effect.fn("OutboxPump.send")(
          function*(row: OutboxRow) {
            const to = yield* recipient(row)
            if (Option.isNone(to)) return yield* settlement.notOnWhatsApp(row)
            const payload = yield* payloadOf(row, to.value, (content) => upload(content, row.jobId))
            settlement.uploaded(row)
            inFlight.uploaded(row)
            failpoint("outbox.taken")
            yield* pacer.showTyping(connection, to.value, row)
            // a receipt or a cancellation may have come since the queue was asked
            if (!(yield* claim({ row, payload }))) return
            yield* pacer.go(row)
            failpoint("outbox.claimed")
            const [took, proof] = yield* Effect.timed(
              Effect.raceFirst(connection.send(to.value, row.messageId, payload, row.attempts > 0), received(deviceId, row))
            )
            failpoint("outbox.acked")
            settlement.proved()
            // what a receipt proved stands in the row already
            if (proof !== "received") yield* acknowledged({ row, at: proof.at })
            yield* sendSucceeded(took)
          },
          Effect.scoped,
          (sending, row) =>
            settlement.settled(sending, row).pipe(
              Effect.zipRight(signals.messagesChanged([row.messageId])),
              Effect.ensuring(
                Effect.suspend(() => {
                  pacer.end(row)
                  inFlight.leave(row)
                  return Queue.offer(wake, undefined)
                })
              )
            )
        )

        const launch = Effect.fnUntraced(function*(row: OutboxRow) {
          if (!inFlight.isFree(row) || !(yield* pacer.admit(row))) return
          inFlight.enter(row)
          yield* FiberSet.run(fibers, send(row))
        })

        /** The clock of the last pass. At first it may have been put back while nobody looked. */
        let latest = Infinity
        const keepUpWithClock = Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const settled = now >= latest ? Effect.void : outbox.catchUpWithClock(deviceId)
          return Effect.tap(settled, () => void (latest = now))
        })

        const pass = Effect.gen(function*() {
          yield* keepUpWithClock
          inFlight.asking()
          const outlook = yield* pacer.look
          if (!outlook.isShut) {
            yield* Effect.forEach(yield* outbox.due(deviceId, lanes * 2, outlook.allowed), launch, { discard: true })
            // what is put aside may have hidden others
            if (yield* pacer.putAside) return
          }
          const idle = inFlight.isIdle ? yield* idleTime(deviceId, outlook) : whileInFlight
          yield* Effect.race(Queue.take(wake), Effect.sleep(yield* pacer.sooner(idle)))
          yield* uncrowded(inFlight)
        })

        const passes = pass.pipe(
          Effect.sandbox,
          Effect.tapError((cause) => Effect.logWarning("The outbox cannot be read now", cause)),
          Effect.retry({ schedule: storagePauses, while: (cause) => !Cause.isInterruptedOnly(cause) }),
          Effect.orDie
        )
        return yield* Effect.forever(Effect.zipRight(passes, Effect.yieldNow()))
      }, Effect.scoped)

      const idleTime = Effect.fnUntraced(function*(deviceId: DeviceId, { allowed, isShut }: Outlook) {
        if (isShut) return whenIdle
        const next = yield* outbox.nextDueAt(deviceId, allowed)
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
