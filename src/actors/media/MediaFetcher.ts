import { Cause, Context, DateTime, Duration, Effect, FiberMap, Layer, Option, Queue } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { MediaSource, MediaTrouble } from "../../domain/Media.ts"
import { downloads, maxSize } from "../../domain/MediaSettings.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { type FetchOutcome, MessageMediaRows, type WantedMedia } from "../../sql/messages/MessageMedia.ts"
import { MediaDamaged } from "../../whatsapp/media/MediaCipher.ts"
import type { Connection, MediaGone } from "../../whatsapp/WhatsApp.ts"
import { Signals } from "../Signals.ts"
import { storagePauses, untilStored } from "../UntilStored.ts"

/** Of one device at the same time: a device with many files does not keep the others' waiting. */
const perDevice = 2
/** With pauses from five seconds to an hour: after about five hours. */
const attemptLimit = 14
/** The same bytes come again where it is the file that is damaged. */
const damagedLimit = 3
const longestPause = 3600
const wholeWithin = Duration.minutes(30)
const whenIdle = Duration.minutes(1)

/** Fetches the files of messages on one open connection, for as long as that lives. What is to be fetched is in the database. */
export class MediaFetcher extends Context.Tag("whatsapp-service/MediaFetcher")<MediaFetcher, {
  readonly run: (deviceId: DeviceId, connection: Connection) => Effect.Effect<never>
}>() {
  static readonly layer = Layer.effect(
    MediaFetcher,
    Effect.gen(function*() {
      const rows = yield* MessageMediaRows
      const library = yield* MediaLibrary
      const signals = yield* Signals
      const limit = yield* Effect.orDie(maxSize)
      const gate = yield* Effect.makeSemaphore(yield* Effect.orDie(downloads))

      const settle = (wanted: WantedMedia, outcome: FetchOutcome) =>
        Effect.flatMap(untilStored(rows.settle(wanted, outcome)), (taken) =>
          taken || outcome.state !== "stored" ? Effect.void : untilStored(library.discard(outcome.file.mediaId)))
      const giveUp = (wanted: WantedMedia, reason: MediaTrouble) =>
        settle(wanted, { state: reason === "gone" ? "expired" : "failed", reason })

      const again = (wanted: WantedMedia, reason: MediaTrouble, most = attemptLimit) =>
        Effect.gen(function*() {
          if (wanted.attempts + 1 >= most) return yield* giveUp(wanted, reason)
          const seconds = Math.min(longestPause, 5 * 2 ** wanted.attempts)
          yield* untilStored(rows.postpone(wanted, DateTime.add(yield* DateTime.now, { seconds })))
        })

      /** The phone may still have what WhatsApp's servers no longer have. */
      const askPhone = (connection: Connection, wanted: WantedMedia, mediaKey: Uint8Array) => (gone: MediaGone) =>
        connection.reupload({
          chat: wanted.chat.jid,
          messageId: wanted.messageId,
          fromMe: wanted.direction === "outgoing",
          participant: wanted.participant,
          mediaKey
        }).pipe(
          Effect.flatMap((directPath) =>
            // it was renewed, and is gone at once: not for ever
            wanted.attempts + 1 >= attemptLimit
              ? giveUp(wanted, "gone")
              : Effect.flatMap(DateTime.now, (now) => untilStored(rows.postpone(wanted, now, directPath)))
          ),
          Effect.catchTags({
            MediaGone: () => Effect.zipRight(Effect.logInfo("A file is gone", gone.cause), giveUp(wanted, "gone")),
            QueryFailed: () => again(wanted, "gone")
          })
        )

      const fetch = Effect.fn("MediaFetcher.fetch")(
        function*(connection: Connection, wanted: WantedMedia) {
          const source = sourceOf(wanted)
          if (source === undefined) return yield* giveUp(wanted, "gone")
          const fileName = wanted.metadata?.media?.fileName ?? null
          const kept = connection.download(source, limit).pipe(
            Effect.flatMap((bytes) => library.keep(wanted.deviceId, bytes, { limit, fileName })),
            Effect.timeout(wholeWithin),
            gate.withPermits(1)
          )
          yield* kept.pipe(
            Effect.flatMap((file) => settle(wanted, { state: "stored", file })),
            Effect.catchTags({
              MediaGone: askPhone(connection, wanted, source.mediaKey),
              TransferFailed: ({ reason }) => reason === "too_large" ? giveUp(wanted, "too_large") : again(wanted, "unreachable"),
              TimeoutException: () => again(wanted, "unreachable"),
              FileTooLarge: () => giveUp(wanted, "too_large"),
              SourceFailed: ({ cause }) =>
                cause instanceof MediaDamaged ? again(wanted, "damaged", damagedLimit) : again(wanted, "unreachable"),
              MediaStorageFull: () => again(wanted, "storage_full"),
              StorageUnavailable: () => again(wanted, "storage_full")
            })
          )
        },
        (effect, _, wanted) =>
          effect.pipe(
            Effect.catchAllDefect((defect) =>
              Effect.zipRight(Effect.logError("A file could not be fetched", defect), again(wanted, "unreachable"))),
            Effect.annotateLogs({ messageId: wanted.messageId })
          )
      )

      const run = Effect.fnUntraced(function*(deviceId: DeviceId, connection: Connection) {
        const wake = yield* signals.media(deviceId)
        const fibers = yield* FiberMap.make<number>()

        const launch = Effect.fnUntraced(function*(wanted: WantedMedia) {
          if ((yield* FiberMap.size(fibers)) >= perDevice || FiberMap.unsafeHas(fibers, wanted.row)) return
          yield* FiberMap.run(fibers, wanted.row, fetch(connection, wanted).pipe(
            // once it is out of the map
            Effect.ensuring(Effect.forkDaemon(Effect.delay(Queue.offer(wake, undefined), "10 millis")))
          ))
        })

        const idleTime = Effect.gen(function*() {
          const [next, now] = [yield* rows.nextDueAt(deviceId), yield* DateTime.now]
          return Option.match(next, {
            onNone: () => whenIdle,
            onSome: (at) => Duration.clamp(DateTime.distanceDuration(now, at), { minimum: "1 second", maximum: whenIdle })
          })
        })

        const pass = Effect.gen(function*() {
          yield* Effect.forEach(yield* rows.due(deviceId, perDevice * 2), launch, { discard: true })
          yield* Effect.race(Queue.take(wake), Effect.sleep(yield* idleTime))
        })
        const passes = pass.pipe(
          Effect.sandbox,
          Effect.tapError((cause) => Effect.logWarning("What files are to be fetched cannot be read now", cause)),
          Effect.retry({ schedule: storagePauses, while: (cause) => !Cause.isInterruptedOnly(cause) }),
          Effect.orDie
        )
        return yield* Effect.forever(Effect.zipRight(passes, Effect.yieldNow()))
      }, Effect.scoped)

      return MediaFetcher.of({ run })
    })
  )
}

const sourceOf = ({ directPath, messageType, secrets }: WantedMedia): MediaSource | undefined => {
  const { fileEncSha256, fileSha256, mediaKey, ...where } = secrets?.media ?? {}
  if (mediaKey === undefined) return undefined
  return { kind: messageType, mediaKey, fileSha256, fileEncSha256, directPath: directPath ?? where.directPath, url: where.url }
}
