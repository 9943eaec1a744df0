import { HttpApiError, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { GroupPictureInvalid, pictureBounds } from "../../domain/Group.ts"
import { InvalidMultipart, largest, MediaNotFound, MediaTooLarge, type StoredMedia } from "../../domain/Media.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { squareJpeg } from "../../media/Images.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { PictureByReference } from "../contract/MediaBody.ts"
import { makeGivenFiles } from "./GivenFiles.ts"
import { isMultipart, readMultipart } from "./MultipartBody.ts"

const image = "image"

/** The picture that a call brings along or names. What was stored for the call alone is gone with its scope. */
export const makeGroupPictures = Effect.gen(function*() {
  const files = yield* makeGivenFiles
  const library = yield* MediaLibrary

  const uploaded = Effect.fnUntraced(function*(deviceId: DeviceId, request: HttpServerRequest.HttpServerRequest) {
    let kept: StoredMedia | undefined
    yield* readMultipart(NodeHttpServerRequest.toIncomingMessage(request), {
      file: (part) =>
        Effect.map(files.owned(files.upload(deviceId, part, { type: image })), (stored) => {
          kept = stored
        })
    })
    return kept === undefined ? yield* new InvalidMultipart({ field: "file", reason: "a file is expected" }) : { file: kept, field: "file" }
  })

  const named = Effect.fnUntraced(function*(deviceId: DeviceId, request: HttpServerRequest.HttpServerRequest) {
    const sent = yield* Effect.orDie(request.json)
    const sources = yield* Effect.catchAll(Schema.decodeUnknown(PictureByReference)(sent), HttpApiError.HttpApiDecodeError.refailParseError)
    const { file } = yield* files.named(deviceId, sources, image)
    return { file, field: sources.url !== undefined ? "url" : sources.mediaId !== undefined ? "mediaId" : "sourceMessageId" }
  })

  const bytesOf = ({ mediaId }: StoredMedia) =>
    library.open(mediaId).pipe(
      Effect.catchTag("FileMissing", () => new MediaNotFound({ mediaId })),
      Effect.flatMap((source) =>
        Effect.tryPromise({ try: async () => Buffer.concat(await source.toArray()), catch: (cause) => new StorageUnavailable({ cause }) }))
    )

  return Effect.fnUntraced(function*(deviceId: DeviceId, request: HttpServerRequest.HttpServerRequest) {
    const { field, file } = yield* isMultipart(request) ? uploaded(deviceId, request) : named(deviceId, request)
    // what was stored as something else may be of any size
    if (file.size > largest.image) return yield* new MediaTooLarge({ field, limitBytes: largest.image })
    return yield* squareJpeg(bytesOf(file), pictureBounds).pipe(Effect.catchTags({
      ImageTooSmall: ({ height, width }) => new GroupPictureInvalid({ field, width, height }),
      ImageUnreadable: () => new GroupPictureInvalid({ field, width: null, height: null })
    }))
  })
})
