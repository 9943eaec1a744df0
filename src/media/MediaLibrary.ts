import { Clock, Context, Duration, Effect, Layer } from "effect"
import type { Readable } from "node:stream"
import type { DeviceId } from "../domain/DeviceId.ts"
import { safeFileName, sniff } from "../domain/FileType.ts"
import { type MediaId, type MediaNotFound, MediaStorageFull, type StoredMedia } from "../domain/Media.ts"
import { StorageUnavailable } from "../domain/Storage.ts"
import { MediaFiles } from "../sql/messages/MediaFiles.ts"
import { quota } from "../domain/MediaSettings.ts"
import { type ByteRange, type FileMissing, type FileTooLarge, MediaStore, type SourceFailed, StoreFailed } from "./MediaStore.ts"

/** An upload that no message has come to refer to may be sent by its id for so long. */
const unusedFor = Duration.hours(24)
const filesAtOnce = 100

/** The files of all devices: the store and what is written down of it, together. */
export class MediaLibrary extends Context.Tag("whatsapp-service/MediaLibrary")<MediaLibrary, {
  /** Takes a file in as it comes. If it breaks off, is too large or nobody waits any more, nothing of it is left. */
  readonly keep: (
    deviceId: DeviceId,
    bytes: AsyncIterable<Uint8Array>,
    options: { readonly limit: number; readonly fileName: string | null }
  ) => Effect.Effect<StoredMedia, FileTooLarge | MediaStorageFull | SourceFailed | StorageUnavailable>
  readonly use: (deviceId: DeviceId, mediaId: MediaId) => Effect.Effect<StoredMedia, MediaNotFound | StorageUnavailable>
  readonly open: (mediaId: MediaId, range?: ByteRange) => Effect.Effect<Readable, FileMissing | StorageUnavailable>
  /** Removes a file unless a message or a job under way refers to it. */
  readonly discard: (mediaId: MediaId) => Effect.Effect<void, StorageUnavailable>
  /** Removes files that nothing refers to, and what was left half written; in small steps. How many. */
  readonly tidy: Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    MediaLibrary,
    Effect.gen(function*() {
      const files = yield* MediaFiles
      const store = yield* MediaStore
      const most = yield* quota
      // so many writers at once are let in by what was true a moment ago; each of them is bounded by itself
      const used = yield* Effect.cachedWithTTL(files.used, "5 seconds")

      const discard = (mediaId: MediaId) =>
        Effect.flatMap(files.forget(mediaId), (gone) => gone ? stored(store.remove(mediaId)) : Effect.void)

      return MediaLibrary.of({
        keep: Effect.fn("MediaLibrary.keep")((deviceId, bytes, { fileName, limit }) =>
          Effect.gen(function*() {
            if ((yield* used) >= most) return yield* new MediaStorageFull({})
            const mediaId = yield* files.begin(deviceId)
            const written = Effect.catchTag(store.write(mediaId, bytes, limit), "StoreFailed", full)
            return yield* written.pipe(
              Effect.flatMap(({ head, sha256, size }) => {
                const name = fileName === null ? null : safeFileName(fileName)
                const file = { mediaId, size, sha256, mimetype: sniff(head, name), fileName: name }
                return Effect.as(files.finish(file), file)
              }),
              Effect.onError(() => Effect.ignoreLogged(discard(mediaId)))
            )
          })
        ),
        use: files.use,
        open: Effect.fn("MediaLibrary.open")((mediaId, range) => stored(store.read(mediaId, range))),
        discard: Effect.fn("MediaLibrary.discard")(discard),
        tidy: Effect.gen(function*() {
          const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(unusedFor)
          const gone = yield* files.forgetUnused(before, filesAtOnce)
          yield* Effect.forEach(gone, (mediaId) => stored(store.remove(mediaId)), { discard: true })
          return gone.length
        }).pipe(
          Effect.repeat({ until: (removed) => removed < filesAtOnce }),
          Effect.zipWith(
            Effect.flatMap(Clock.currentTimeMillis, (now) => stored(store.sweep(now - Duration.toMillis(unusedFor)))),
            (unused, unfinished) => unused + unfinished
          )
        )
      })
    })
  )
}

const full = (error: StoreFailed): Effect.Effect<never, MediaStorageFull | StorageUnavailable> =>
  error.isFull ? new MediaStorageFull({ cause: error.cause }) : new StorageUnavailable({ cause: error.cause })

const stored = <A, E>(effect: Effect.Effect<A, E | StoreFailed>): Effect.Effect<A, Exclude<E, StoreFailed> | StorageUnavailable> =>
  Effect.catchAll(effect, (error): Effect.Effect<never, Exclude<E, StoreFailed> | StorageUnavailable> =>
    error instanceof StoreFailed
      ? new StorageUnavailable({ cause: error.cause })
      : Effect.fail(error as Exclude<E, StoreFailed>))
