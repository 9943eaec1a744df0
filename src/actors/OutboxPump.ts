import { Cause, Clock, Context, DateTime, Duration, Effect, FiberSet, Layer, Match, Option, Queue, Schema } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import { failpoint } from "../domain/Failpoint.ts"
import { phoneJid } from "../domain/Jid.ts"
import { mediaTypes } from "../domain/Media.ts"
import { isForward, type SendFailure } from "../domain/Message.ts"
import type { OwnerChanged } from "../domain/Storage.ts"
import { Contacts } from "../sql/Contacts.ts"
import { Messages } from "../sql/Messages.ts"
import { type Claim, Outbox, type OutboxRow, type SentRow } from "../sql/Outbox.ts"
import { ClosedBecause } from "../whatsapp/CloseReason.ts"
import { payloadOf } from "./OutboxPayload.ts"
import type { Connection, QueryFailed, SendError, TransferFailed } from "../whatsapp/WhatsApp.ts"
import { sendFailed, sendSucceeded } from "./ActorMetrics.ts"
import { makeGathering } from "./Gathering.ts"
import { makeMediaUploads } from "./MediaUploads.ts"
import type { DeviceRestriction } from "./DeviceRestriction.ts"
import { makePacer, type Outlook } from "./Pacer.ts"
import { refusal } from "./Refusal.ts"
import { Signals } from "./Signals.ts"
import { storagePauses, untilStored } from "./UntilStored.ts"

/** Chats in flight at once: acks of different chats overlap, within a chat the order is kept. */
const lanes = 16
/** Jobs leave some of them to what is urgent, however long an ack takes. */
const jobLanes = 12
/** Chats whose file is being uploaded: the others' texts do not wait behind them. */
const uploadLanes = 4
/** On one connection, with pauses that grow to ten minutes: after about two hours. */
const uploadLimit = 20
/** After so many attempts a message that nobody acknowledges is `failed`; a late receipt still overrules that. */
const unacknowledgedLimit = 8
/** How often a message is given to WhatsApp that it refuses as one to a stranger, each time after a limit's end. */
const strangerLimit = 4
/** After so many in a row, without a sent message in between, the link is of no use. */
const unacknowledgedInRow = 2
const unansweredInRow = 3
const rememberedNumbers = 10_000
const lastAcksWithin = Duration.seconds(5)
const whileInFlight = Duration.seconds(1)
const whenIdle = Duration.seconds(15)

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
      const contacts = yield* Contacts
      const messages = yield* Messages
      const signals = yield* Signals
      const uploadsOf = yield* makeMediaUploads
      const pacerOf = yield* makePacer

      const postpone = (row: OutboxRow, seconds: number) =>
        Effect.flatMap(DateTime.now, (now) => untilStored(outbox.postpone(row, DateTime.add(now, { seconds }))))

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

      /** The address to write to; none if WhatsApp does not know the number. `registered` are numbers that it does know. */
      const recipient = Effect.fnUntraced(function*(
        { connection, deviceId }: PumpOptions,
        registered: Set<string>,
        row: OutboxRow
      ) {
        if (row.groupJid !== null) return Option.some(row.groupJid)
        if (row.phone === null) return Option.fromNullable(row.lid)
        if (row.lid !== null || registered.has(row.phone)) return Option.some(phoneJid(row.phone))
        const found = yield* connection.lookup([row.phone]).pipe(
          // not every server knows this question; the send asks for the recipient's devices before it writes anything
          Effect.catchIf(({ cause }) => !(cause instanceof ClosedBecause), () => Effect.succeed([{ phone: row.phone! }]))
        )
        const contact = found[0]
        if (contact === undefined) return Option.none()
        const phone = contact.phone ?? row.phone
        yield* untilStored(contacts.upsert(deviceId, [{ ...contact, phone }]))
        if (registered.size >= rememberedNumbers) registered.clear()
        registered.add(row.phone)
        return Option.some(phoneJid(phone))
      })

      const run = Effect.fnUntraced(function*(options: PumpOptions) {
        const { connection, deviceId, disowned, epoch, restriction, stuck } = options
        const registered = new Set<string>()
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
        const busyChats = new Set<string>()
        const uploadingChats = new Set<string>()
        const uploadTries = new Map<number, number>()
        const upload = uploadsOf(deviceId, connection)
        const pacer = pacerOf(deviceId, restriction.current)
        /** Chats in which something was settled since the queue was last asked: of these its answer may be out of date. */
        const movedChats = new Set<string>()
        /** Jobs of which a message is on its way, and that wait between two. */
        const busyJobs = new Set<string>()
        let unacknowledged = 0
        let unanswered = 0

        const countUnacknowledged = Effect.suspend(() =>
          ++unacknowledged < unacknowledgedInRow ? Effect.void : stuck("Messages go unacknowledged.")
        )
        const countUnanswered = Effect.suspend(() =>
          ++unanswered < unansweredInRow ? Effect.void : stuck("WhatsApp does not answer what a message needs to know.")
        )

        const fail = (row: OutboxRow, failure: SendFailure) =>
          Effect.zipRight(untilStored(outbox.failed(deviceId, row, failure)), sendFailed(row.messageId, failure))

        /** Failed for good after `limit` attempts, otherwise the same message once more, later. */
        const again = (row: OutboxRow, limit: number, seconds: number, failure: SendFailure) =>
          row.attempts + 1 >= limit ? fail(row, failure) : postpone(row, seconds)

        /** The same file once more, later; unless WhatsApp does not want it. */
        const uploadAgain = (row: OutboxRow) => ({ cause, reason }: TransferFailed) => {
          if (reason === "refused") return fail(row, mediaRefused)
          if (cause instanceof ClosedBecause) return Effect.race(Effect.sleep("1 second"), ending.await)
          const tries = (uploadTries.get(row.id) ?? 0) + 1
          uploadTries.set(row.id, tries)
          return Effect.zipRight(
            Effect.logWarning("A file could not be uploaded", cause).pipe(Effect.annotateLogs({ messageId: row.messageId, reason })),
            tries >= uploadLimit ? fail(row, notUploaded) : postpone(row, Math.min(600, 5 * 2 ** (tries - 1)))
          )
        }

        /** Every try counts against an account that may not write to strangers: its messages wait for the end of that. */
        const refusedAsStranger = Effect.fnUntraced(function*(row: OutboxRow, code: number) {
          const { failure } = refusal(code)
          if (row.attempts + 1 >= strangerLimit) return yield* fail(row, failure)
          const answer = yield* pacer.withoutStrangers(untilStored(restriction.refused(connection, code)))
          switch (answer._tag) {
            case "Restricted":
              return yield* untilStored(outbox.hold([row], "restriction", answer.until))
            case "Unrestricted":
              return yield* fail(row, failure)
            case "Unknown":
              return yield* Effect.race(Effect.sleep("1 second"), ending.await)
          }
        })

        const settle = (row: OutboxRow) =>
          Match.type<SendError | QueryFailed>().pipe(
            Match.tag("SendRefused", ({ code }) => {
              if (code === 463 || code === 475) return refusedAsStranger(row, code)
              const { failure, retry } = refusal(code)
              return retry === undefined ? fail(row, failure) : again(row, retry.attempts, retry.seconds, failure)
            }),
            Match.tag("SendUnacknowledged", ({ cause }) =>
              Effect.zipRight(
                again(row, unacknowledgedLimit, 1, unacknowledgedFailure),
                unlessClosed(cause, countUnacknowledged)
              )),
            Match.tag("SendNotAttempted", ({ cause, reason }) => {
              switch (reason) {
                case "no_devices":
                  return again(row, 3, 5, noDevices)
                case "encryption_failed":
                  return again(row, 3, 5, notEncrypted)
                // the connection is about to end; the next one takes the row up again
                case "offline":
                  return Effect.race(Effect.sleep("1 second"), ending.await)
                case "lookup_failed":
                  return Effect.zipRight(postpone(row, 3), unlessClosed(cause, countUnanswered))
                case "storage":
                  return postpone(row, 3)
              }
            }),
            Match.tag("QueryFailed", ({ cause }) =>
              Effect.zipRight(postpone(row, 3), unlessClosed(cause, countUnanswered))),
            Match.exhaustive
          )

        const send = Effect.fn("OutboxPump.send")(
          function*(row: OutboxRow) {
            const to = yield* recipient(options, registered, row)
            if (Option.isNone(to)) return yield* fail(row, notOnWhatsApp)
            const payload = yield* payloadOf(row, to.value, (content) => upload(content, row.jobId))
            uploadTries.delete(row.id)
            uploadingChats.delete(row.chatKey)
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
            unacknowledged = 0
            unanswered = 0
            // what a receipt proved stands in the row already
            if (proof !== "received") yield* acknowledged({ row, at: proof.at })
            yield* sendSucceeded(took)
          },
          Effect.scoped,
          (effect, row) =>
            effect.pipe(
              Effect.catchTags({
                SendRefused: settle(row),
                SendUnacknowledged: settle(row),
                SendNotAttempted: settle(row),
                QueryFailed: settle(row),
                TransferFailed: uploadAgain(row),
                MediaLost: () => fail(row, mediaGone),
                StorageUnavailable: () => postpone(row, 5),
                ContentUnreadable: (error) =>
                  Effect.zipRight(Effect.logError("What is to be sent cannot be read", error), fail(row, unreadable)),
                // another owner sends from now on
                OwnerChanged: (error) => Effect.zipRight(disowned(error), ending.await)
              }),
              // not at once again: whatever it is, it may have been sent
              Effect.catchAllDefect((defect) =>
                Effect.logError("A message could not be handled", defect).pipe(
                  Effect.zipRight(Effect.race(Effect.sleep("10 seconds"), ending.await)),
                  Effect.zipRight(again(row, unacknowledgedLimit, 60, unacknowledgedFailure)),
                  Effect.annotateLogs({ messageId: row.messageId })
                )
              ),
              Effect.zipRight(signals.messagesChanged([row.messageId])),
              Effect.ensuring(
                Effect.suspend(() => {
                  pacer.end(row)
                  busyChats.delete(row.chatKey)
                  busyJobs.delete(waitsBetween(row) ?? "")
                  uploadingChats.delete(row.chatKey)
                  movedChats.add(row.chatKey)
                  return Queue.offer(wake, undefined)
                })
              )
            )
        )

        const launch = Effect.fnUntraced(function*(row: OutboxRow) {
          if (busyChats.size >= (row.jobId === null ? lanes : jobLanes)) return
          if (busyChats.has(row.chatKey) || movedChats.has(row.chatKey)) return
          const job = waitsBetween(row)
          if (job !== undefined && busyJobs.has(job)) return
          if (needsUpload(row) && uploadingChats.size >= uploadLanes) return
          if (!(yield* pacer.admit(row))) return
          if (needsUpload(row)) uploadingChats.add(row.chatKey)
          busyChats.add(row.chatKey)
          if (job !== undefined) busyJobs.add(job)
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
          movedChats.clear()
          const outlook = yield* pacer.look
          if (!outlook.isShut) {
            yield* Effect.forEach(yield* outbox.due(deviceId, lanes * 2, outlook.allowed), launch, { discard: true })
            // what is put aside may have hidden others
            if (yield* pacer.putAside) return
          }
          const idle = busyChats.size > 0 ? whileInFlight : yield* idleTime(deviceId, outlook)
          yield* Effect.race(Queue.take(wake), Effect.sleep(yield* pacer.sooner(idle)))
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

/** The job, unless its messages go side by side. */
const waitsBetween = ({ jobDelay, jobId }: OutboxRow) => jobId !== null && (jobDelay ?? 0) > 0 ? jobId : undefined

const isMediaType = Schema.is(Schema.Literal(...mediaTypes))
const needsUpload = ({ messageType, payload }: OutboxRow) => payload === null && isMediaType(messageType)

/** A socket that closes tells why by itself, and what happens on it then says nothing about the link. */
const unlessClosed = (cause: unknown, effect: Effect.Effect<void>) =>
  cause instanceof ClosedBecause ? Effect.void : effect

const failure = (code: SendFailure["code"], text: string): SendFailure => ({ code, text, whatsapp: null })
const notOnWhatsApp = failure("NOT_ON_WHATSAPP", "This number is not on WhatsApp.")
const noDevices = failure("NO_DEVICES", "WhatsApp names no device of this number.")
const notEncrypted = failure("ENCRYPTION_FAILED", "The message could not be encrypted for any device of this number.")
const unreadable = failure("CONTENT_UNREADABLE", "What was to be sent cannot be read any more.")
const mediaGone = failure("MEDIA_GONE", "The file that was to be sent is not there any more.")
const mediaRefused = failure("MEDIA_REFUSED", "WhatsApp's media server does not take this file.")
const notUploaded = failure("MEDIA_NOT_UPLOADED", "The file could not be put on WhatsApp's media server.")
const unacknowledgedFailure = failure(
  "UNACKNOWLEDGED",
  "WhatsApp did not acknowledge the message; it may or may not have arrived."
)
