import { Clock, Data, Duration, Effect } from "effect"
import type { Readable } from "node:stream"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { JobId } from "../../domain/Job.ts"
import { uploads } from "../../domain/MediaSettings.ts"
import type { MediaContent } from "../../domain/OutgoingContent.ts"
import { imagePreview, ImageUnreadable } from "../../media/Images.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import type { Connection, FileParts } from "../../whatsapp/Connection.ts"

/** The file of a message that waits to be sent is not there any more. */
export class MediaLost extends Data.TaggedError("MediaLost")<{ readonly mediaId: string }> {}

/** WhatsApp keeps what nobody has fetched for some weeks; the last recipient has nearly all of them. */
const reusedFor = Duration.hours(24)

interface Earlier {
  readonly jobId: JobId
  readonly content: Pick<MediaContent, "kind" | "mediaId">
  readonly parts: FileParts
}

/** A file that only says that it is an image goes out as it is, and is shown without a preview. */
const previewOf = <E>(open: Effect.Effect<Readable, E>) =>
  Effect.flatMap(open, (file) =>
    Effect.tryPromise({ try: async () => Buffer.concat(await file.toArray()), catch: (cause) => new ImageUnreadable({ cause }) })).pipe(
    imagePreview,
    Effect.catchIf((error) => error instanceof ImageUnreadable, ({ cause }) =>
      Effect.as(Effect.logDebug("There is no preview of an image", cause), null))
  )

/**
 * Puts files on WhatsApp's media server, so many at a time of all devices together; the file of a job once, for all of its
 * messages that go out on one connection.
 */
export const makeMediaUploads = Effect.gen(function*() {
  const library = yield* MediaLibrary
  const gate = yield* Effect.makeSemaphore(yield* Effect.orDie(uploads))

  return (deviceId: DeviceId, connection: Connection) => {
    const put = Effect.fnUntraced(function*({ kind, mediaId, size }: MediaContent) {
      const open = Effect.catchTag(library.open(mediaId), "FileMissing", () => new MediaLost({ mediaId }))
      yield* Effect.flatMap(open, (file) => Effect.sync(() => file.destroy()))
      const parts = {
        uploaded: connection.upload(kind, { size, bytes: () => Effect.runPromise(open) }),
        preview: kind === "image" || kind === "sticker" ? previewOf(open) : Effect.succeed(null)
      }
      return yield* Effect.all(parts).pipe(gate.withPermits(1), Effect.annotateLogs({ deviceId }))
    })

    // a device does one job at a time: more than the last one's need not be known
    let last: Earlier | undefined
    const turn = Effect.unsafeMakeSemaphore(1)
    const putOnce = Effect.fnUntraced(function*(jobId: JobId, content: MediaContent) {
      const { kind, mediaId } = content
      const now = yield* Clock.currentTimeMillis
      const isSame = last?.jobId === jobId && last.content.mediaId === mediaId && last.content.kind === kind
      if (isSame && now - last!.parts.uploaded.mediaKeyTimestamp * 1000 < Duration.toMillis(reusedFor)) return last!.parts
      const parts = yield* put(content)
      last = { jobId, content, parts }
      return parts
    }, turn.withPermits(1))

    return (content: MediaContent, jobId: JobId | null) => jobId === null ? put(content) : putOnce(jobId, content)
  }
})
