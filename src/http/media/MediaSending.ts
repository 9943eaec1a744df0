import { HttpApiError, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Exit, Schema } from "effect"
import { acceptedAs, isAcceptedAs, kindOf, safeFileName } from "../../domain/FileType.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import { largest, MediaKind, MediaTooLarge, MediaTypeMismatch, InvalidMultipart, type StoredMedia } from "../../domain/Media.ts"
import { maxSize } from "../../domain/MediaSettings.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { RemoteFile } from "../../media/RemoteFile.ts"
import { MessageMediaRows } from "../../sql/MessageMedia.ts"
import type { MediaFields, MediaSources } from "../contract/MediaBody.ts"
import { type IncomingFile, readMultipart } from "./MultipartBody.ts"

/** What is to be sent, and what makes a repetition of the call the same call. */
export interface MediaToSend {
  readonly request: SendRequest
  readonly identity: unknown
}

type Fields = MediaFields & { readonly phone?: Jid }

const isKind = Schema.is(MediaKind)
const isMultipart = (request: HttpServerRequest.HttpServerRequest) =>
  /^multipart\/form-data\s*(;|$)/i.test(request.headers["content-type"] ?? "")

/** Reads what `send-media` is called with: a form with the file, or JSON that names one. */
export const makeMediaSending = Effect.gen(function*() {
  const library = yield* MediaLibrary
  const remote = yield* RemoteFile
  const rows = yield* MessageMediaRows
  const most = yield* Effect.orDie(maxSize)
  const limitOf = (kind: MediaKind | undefined) => Math.min(most, kind === undefined ? most : largest[kind])

  const keepUpload = (deviceId: DeviceId, { bytes, fileName }: IncomingFile, limit: number) =>
    Effect.catchTags(library.keep(deviceId, bytes, { limit, fileName }), {
      FileTooLarge: () => new MediaTooLarge({ field: "file", limitBytes: limit }),
      SourceFailed: ({ cause }) =>
        cause instanceof InvalidMultipart ? cause : new InvalidMultipart({ field: "file", reason: "it broke off" })
    })

  const discard = (file: StoredMedia) => Effect.ignoreLogged(library.discard(file.mediaId))

  /**
   * The file of a form with its other fields; it is gone again if these are not what is expected, and with `discards` also if
   * no message has come of it, as where a call is repeated.
   */
  const upload = <A, I, B, E, R>(
    deviceId: DeviceId,
    request: HttpServerRequest.HttpServerRequest,
    schema: Schema.Schema<A, I>,
    use: (file: StoredMedia, fields: A) => Effect.Effect<B, E, R>,
    discards: boolean
  ) =>
    Effect.gen(function*() {
      let kept: StoredMedia | undefined
      return yield* readMultipart(NodeHttpServerRequest.toIncomingMessage(request), (file, before) => {
        const named = before["type"] ?? before["mediaType"]
        return Effect.tap(keepUpload(deviceId, file, limitOf(isKind(named) ? named : undefined)), (stored) =>
          Effect.sync(() => {
            kept = stored
          }))
      }).pipe(
        Effect.filterOrFail(
          (form): form is typeof form & { readonly file: StoredMedia } => form.file !== undefined,
          () => new InvalidMultipart({ field: "file", reason: "a file is expected" })
        ),
        Effect.flatMap(({ fields, file }) =>
          Effect.flatMap(decoded(schema, typed(fields)), (expected) => use(file, expected))
        ),
        Effect.onExit((exit) => kept === undefined || (Exit.isSuccess(exit) && !discards) ? Effect.void : discard(kept))
      )
    })

  const named = Effect.fnUntraced(function*(deviceId: DeviceId, { mediaId, sourceMessageId, url }: MediaSources, kind: MediaKind | undefined) {
    if (mediaId !== undefined) return yield* library.use(deviceId, mediaId)
    if (sourceMessageId !== undefined) {
      const { fileName, mediaId: stored } = yield* rows.file(deviceId, sourceMessageId)
      return { ...(yield* library.use(deviceId, stored)), fileName }
    }
    return yield* remote.keep(deviceId, url ?? "", limitOf(kind))
  })

  const sending = Effect.fnUntraced(function*(to: Jid, file: StoredMedia, fields: MediaFields, field: string) {
    const { caption, mentions = [], quotedMessageId, seconds = null, type } = fields
    const kind = type ?? kindOf(file.mimetype)
    if (!isAcceptedAs(kind, file.mimetype)) {
      return yield* new MediaTypeMismatch({ field, type: kind, mimetype: file.mimetype, expected: acceptedAs(kind) ?? [] })
    }
    if (file.size > limitOf(kind)) return yield* new MediaTooLarge({ field, limitBytes: limitOf(kind) })
    const fileName = fields.fileName === undefined ? file.fileName : safeFileName(fields.fileName)
    const content = {
      _tag: "Media", kind, mediaId: file.mediaId, mimetype: file.mimetype, size: file.size, seconds, mentions,
      // neither has a place for words
      caption: kind === "audio" || kind === "voice" || kind === "sticker" ? null : caption || null,
      fileName: kind === "document" ? fileName : null
    } as const
    return SendRequest.New({ to, content, quoted: quotedMessageId })
  })

  return {
    /** Calls `send` with what the call asks for. */
    read: <A extends Fields & MediaSources, I, B extends Fields, J, C, E, R>(options: {
      readonly deviceId: DeviceId
      readonly request: HttpServerRequest.HttpServerRequest
      readonly reference: Schema.Schema<A, I>
      readonly form: Schema.Schema<B, J>
      readonly to: (fields: Fields) => Jid
      readonly send: (media: MediaToSend) => Effect.Effect<C, E, R>
    }) =>
      Effect.gen(function*() {
        const { deviceId, form, reference, request, send, to } = options
        if (isMultipart(request)) {
          return yield* upload(deviceId, request, form, (file, fields) =>
            Effect.flatMap(sending(to(fields), file, fields, "file"), (asked) =>
              send({ request: asked, identity: { ...fields, file: file.sha256 } })), true)
        }
        const body = yield* decoded(reference, yield* jsonOf(request))
        const file = yield* named(deviceId, body, body.type)
        const own = body.url === undefined ? undefined : file
        return yield* sending(to(body), file, body, body.url === undefined ? "type" : "url").pipe(
          Effect.flatMap((asked) => send({ request: asked, identity: body })),
          Effect.ensuring(own === undefined ? Effect.void : discard(own))
        )
      }),
    /** Keeps the file of a form for later. */
    keep: (deviceId: DeviceId, request: HttpServerRequest.HttpServerRequest) =>
      upload(deviceId, request, Schema.Struct({}), (file) => Effect.succeed(file), false)
  }
})

/** A form knows texts alone. */
const typed = (fields: Readonly<Record<string, string>>) => {
  const { mentions, seconds, ...texts } = fields
  return {
    ...texts,
    ...(seconds !== undefined && { seconds: /^\d{1,9}$/.test(seconds) ? Number(seconds) : seconds }),
    ...(mentions !== undefined && { mentions: mentions.split(",").map((one) => one.trim()).filter((one) => one !== "") })
  }
}

const decoded = <A, I>(schema: Schema.Schema<A, I>, body: unknown) =>
  Effect.catchAll(Schema.decodeUnknown(schema)(body), HttpApiError.HttpApiDecodeError.refailParseError)

/** What is wrong with the body itself is answered where every endpoint's body is. */
const jsonOf = (request: HttpServerRequest.HttpServerRequest) => Effect.orDie(request.json)
