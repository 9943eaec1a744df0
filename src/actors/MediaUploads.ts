import { Data, Effect } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import { uploads } from "../domain/MediaSettings.ts"
import type { MediaContent } from "../domain/OutgoingContent.ts"
import { MediaLibrary } from "../media/MediaLibrary.ts"
import type { Connection } from "../whatsapp/WhatsApp.ts"

/** The file of a message that waits to be sent is not there any more. */
export class MediaLost extends Data.TaggedError("MediaLost")<{ readonly mediaId: string }> {}

/** Puts files on WhatsApp's media server, so many at a time of all devices together. */
export const makeMediaUploads = Effect.gen(function*() {
  const library = yield* MediaLibrary
  const gate = yield* Effect.makeSemaphore(yield* Effect.orDie(uploads))

  return (deviceId: DeviceId, connection: Connection) => Effect.fnUntraced(function*({ kind, mediaId, size }: MediaContent) {
    const open = Effect.catchTag(library.open(mediaId), "FileMissing", () => new MediaLost({ mediaId }))
    yield* Effect.flatMap(open, (file) => Effect.sync(() => file.destroy()))
    return yield* connection.upload(kind, { size, bytes: () => Effect.runPromise(open) }).pipe(
      gate.withPermits(1),
      Effect.annotateLogs({ deviceId })
    )
  })
})
