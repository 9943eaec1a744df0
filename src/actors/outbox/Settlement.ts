import { DateTime, Effect, Match } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { SendFailure } from "../../domain/Message.ts"
import type { OwnerChanged, StorageUnavailable } from "../../domain/Storage.ts"
import { Outbox, type OutboxRow } from "../../sql/outbox/Outbox.ts"
import { ClosedBecause } from "../../whatsapp/socket/CloseReason.ts"
import type { Connection, QueryFailed, SendError, TransferFailed } from "../../whatsapp/WhatsApp.ts"
import { sendFailed } from "../ActorMetrics.ts"
import type { DeviceRestriction } from "../DeviceRestriction.ts"
import type { MediaLost } from "../media/MediaUploads.ts"
import type { ContentUnreadable } from "./OutboxPayload.ts"
import type { Pacer } from "./Pacer.ts"
import { isToStrangersOnly, refusal } from "./Refusal.ts"
import { untilStored } from "../UntilStored.ts"

/** On one connection, with pauses that grow to ten minutes: after about two hours. */
const uploadLimit = 20
/** After so many attempts a message that nobody acknowledges is `failed`; a late receipt still overrules that. */
const unacknowledgedLimit = 8
/** Where the connection broke under it, which is seldom the message's doing: a dozen are on the way at a time, and all count it. */
const brokenOffLimit = 24
/** How often a message is given to WhatsApp that it refuses as one to a stranger, each time after a limit's end. */
const strangerLimit = 4
/** After so many in a row, without a sent message in between, the link is of no use. */
const unacknowledgedInRow = 2
const unansweredInRow = 3

/** Everything that can come in between. */
export type Obstacle =
  | SendError
  | QueryFailed
  | TransferFailed
  | MediaLost
  | ContentUnreadable
  | StorageUnavailable
  | OwnerChanged

export interface SettlementOptions {
  readonly deviceId: DeviceId
  readonly connection: Connection
  readonly restriction: DeviceRestriction
  readonly pacer: Pacer
  /** runs when nothing can be sent although the link seems alive */
  readonly stuck: (text: string) => Effect.Effect<void>
  /** runs when another process owns the device */
  readonly disowned: (error: OwnerChanged) => Effect.Effect<void>
  /** done when the connection is about to end */
  readonly ending: Effect.Effect<void>
}

/** What becomes of the messages of one connection that could not be sent: once more later, held back, or failed for good. */
export const makeSettlement = Effect.map(Outbox, (outbox) => {
  const postpone = (row: OutboxRow, seconds: number) =>
    Effect.flatMap(DateTime.now, (now) => untilStored(outbox.postpone(row, DateTime.add(now, { seconds }))))

  return (options: SettlementOptions) => {
    const { connection, deviceId, disowned, ending, pacer, restriction, stuck } = options
    const uploadTries = new Map<number, number>()
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

    /** The next connection takes the row up again. */
    const leave = Effect.race(Effect.sleep("1 second"), ending)

    /** Another owner sends from now on. */
    const disown = (error: OwnerChanged) => Effect.zipRight(disowned(error), ending)

    /** Failed for good after `limit` attempts, otherwise the same message once more, later. */
    const again = (row: OutboxRow, limit: number, seconds: number, failure: SendFailure) =>
      row.attempts + 1 >= limit ? fail(row, failure) : postpone(row, seconds)

    /** The same file once more, later; unless WhatsApp does not want it. */
    const uploadAgain = (row: OutboxRow, { cause, reason }: TransferFailed) => {
      if (reason === "refused") return fail(row, mediaRefused)
      if (cause instanceof ClosedBecause) return leave
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
          return yield* untilStored(restriction.hold([row], answer.until))
        case "Unrestricted":
          return yield* fail(row, failure)
        case "Unknown":
          return yield* leave
      }
    }, Effect.catchTag("OwnerChanged", disown))

    const settle = (row: OutboxRow): (obstacle: Obstacle) => Effect.Effect<void> =>
      Match.type<Obstacle>().pipe(
        Match.withReturnType<Effect.Effect<void>>(),
        Match.tag("SendRefused", ({ code }) => {
          if (isToStrangersOnly(code)) return refusedAsStranger(row, code)
          const { failure, retry } = refusal(code)
          return retry === undefined ? fail(row, failure) : again(row, retry.attempts, retry.seconds, failure)
        }),
        Match.tag("SendUnacknowledged", ({ cause }) =>
          Effect.zipRight(
            again(row, cause instanceof ClosedBecause ? brokenOffLimit : unacknowledgedLimit, 1, unacknowledgedFailure),
            unlessClosed(cause, countUnacknowledged)
          )),
        Match.tag("SendNotAttempted", ({ cause, reason }) => {
          switch (reason) {
            case "no_devices":
              return again(row, 3, 5, noDevices)
            case "encryption_failed":
              return again(row, 3, 5, notEncrypted)
            case "offline":
              return leave
            case "lookup_failed":
              return Effect.zipRight(postpone(row, 3), unlessClosed(cause, countUnanswered))
            case "storage":
              return postpone(row, 3)
          }
        }),
        Match.tag("QueryFailed", ({ cause }) => Effect.zipRight(postpone(row, 3), unlessClosed(cause, countUnanswered))),
        Match.tag("TransferFailed", (error) => uploadAgain(row, error)),
        Match.tag("MediaLost", () => fail(row, mediaGone)),
        Match.tag("StorageUnavailable", () => postpone(row, 5)),
        Match.tag("ContentUnreadable", (error) =>
          Effect.zipRight(Effect.logError("What is to be sent cannot be read", error), fail(row, unreadable))),
        Match.tag("OwnerChanged", disown),
        Match.exhaustive
      )

    return {
      /** WhatsApp does not know the number. */
      notOnWhatsApp: (row: OutboxRow) => fail(row, notOnWhatsApp),
      uploaded: (row: OutboxRow) => void uploadTries.delete(row.id),
      /** A message has been sent: the link is good. */
      proved: () => {
        unacknowledged = 0
        unanswered = 0
      },
      /** After it the message is settled, whatever came in between. */
      settled: <R>(sending: Effect.Effect<void, Obstacle, R>, row: OutboxRow): Effect.Effect<void, never, R> =>
        sending.pipe(
          Effect.catchAll(settle(row)),
          // not at once again: whatever it is, it may have been sent
          Effect.catchAllDefect((defect) =>
            Effect.logError("A message could not be handled", defect).pipe(
              Effect.zipRight(Effect.race(Effect.sleep("10 seconds"), ending)),
              Effect.zipRight(again(row, unacknowledgedLimit, 60, unacknowledgedFailure)),
              Effect.annotateLogs({ messageId: row.messageId })
            )
          )
        )
    }
  }
})

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
