import { Effect, Schema } from "effect"
import { acceptedAs, isAcceptedAs, kindOf, safeFileName } from "../../domain/FileType.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import { InvalidMultipart, largest, MediaKind, MediaTooLarge, MediaTypeMismatch, type StoredMedia } from "../../domain/Media.ts"
import { maxSize } from "../../domain/MediaSettings.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { RemoteFile } from "../../media/RemoteFile.ts"
import { MessageMediaRows } from "../../sql/messages/MessageMedia.ts"
import type { MediaSources } from "../contract/MediaBody.ts"
import type { IncomingFile } from "./MultipartBody.ts"

/** As what a file is to be sent, and with which words. */
export interface Presentation {
  readonly type?: MediaKind | undefined
  readonly caption?: string | undefined
  readonly fileName?: string | undefined
  readonly seconds?: number | undefined
  readonly mentions?: ReadonlyArray<Jid> | undefined
}

const isKind = Schema.is(MediaKind)

/** Files that callers send along or name, under the rules that hold for all of them. */
export const makeGivenFiles = Effect.gen(function*() {
  const library = yield* MediaLibrary
  const remote = yield* RemoteFile
  const rows = yield* MessageMediaRows
  const most = yield* Effect.orDie(maxSize)
  const limitOf = (kind: MediaKind | undefined) => Math.min(most, kind === undefined ? most : largest[kind])

  /** Unless something refers to it. */
  const discard = (file: StoredMedia) => Effect.ignoreLogged(library.discard(file.mediaId))
  /** With the end of the scope it is discarded. */
  const owned = <E, R>(take: Effect.Effect<StoredMedia, E, R>) =>
    Effect.uninterruptibleMask((restore) => Effect.tap(restore(take), (file) => Effect.addFinalizer(() => discard(file))))

  return {
    /** Keeps the file of a form; the fields before it may say what it is to be. */
    upload: (deviceId: DeviceId, { bytes, fileName }: IncomingFile, before: Readonly<Record<string, string>>) => {
      const named = before["type"] ?? before["mediaType"]
      const limit = limitOf(isKind(named) ? named : undefined)
      return Effect.catchTags(library.keep(deviceId, bytes, { limit, fileName }), {
        FileTooLarge: () => new MediaTooLarge({ field: "file", limitBytes: limit }),
        SourceFailed: ({ cause }) =>
          cause instanceof InvalidMultipart ? cause : new InvalidMultipart({ field: "file", reason: "it broke off" })
      })
    },

    /** One that is stored already, or is fetched now and then belongs to the scope; and the field that names it. */
    named: Effect.fnUntraced(function*(deviceId: DeviceId, { mediaId, sourceMessageId, url }: MediaSources, kind: MediaKind | undefined) {
      if (mediaId !== undefined) return { file: yield* library.use(deviceId, mediaId), field: "type" }
      if (sourceMessageId !== undefined) {
        const { fileName, mediaId: stored } = yield* rows.file(deviceId, sourceMessageId)
        return { file: { ...(yield* library.use(deviceId, stored)), fileName }, field: "type" }
      }
      return { file: yield* owned(remote.keep(deviceId, url ?? "", limitOf(kind))), field: "url" }
    }),

    /** The message that shows the file; `field` is the one to name where it cannot be shown so. */
    content: Effect.fnUntraced(function*(file: StoredMedia, shown: Presentation, field: string) {
      const { caption, mentions = [], seconds = null } = shown
      const kind = shown.type ?? kindOf(file.mimetype)
      if (!isAcceptedAs(kind, file.mimetype)) {
        return yield* new MediaTypeMismatch({ field, type: kind, mimetype: file.mimetype, expected: acceptedAs(kind) ?? [] })
      }
      if (file.size > limitOf(kind)) return yield* new MediaTooLarge({ field, limitBytes: limitOf(kind) })
      const fileName = shown.fileName === undefined ? file.fileName : safeFileName(shown.fileName)
      return {
        _tag: "Media", kind, mediaId: file.mediaId, mimetype: file.mimetype, size: file.size, seconds, mentions,
        // neither has a place for words
        caption: kind === "audio" || kind === "voice" || kind === "sticker" ? null : caption || null,
        fileName: kind === "document" ? fileName : null
      } as const
    }),

    owned,
    discard
  }
})
