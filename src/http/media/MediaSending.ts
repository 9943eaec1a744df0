import { HttpApiError, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Exit, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import { InvalidMultipart, type StoredMedia } from "../../domain/Media.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import type { MediaFields, MediaSources } from "../contract/MediaBody.ts"
import { makeGivenFiles } from "./GivenFiles.ts"
import { type IncomingFile, isMultipart, readMultipart } from "./MultipartBody.ts"

/** What is to be sent, and what makes a repetition of the call the same call. */
export interface MediaToSend {
  readonly request: SendRequest
  readonly identity: unknown
}

type Fields = MediaFields & { readonly phone?: Jid }

/** Reads what `send-media` is called with: a form with the file, or JSON that names one. */
export const makeMediaSending = Effect.gen(function*() {
  const files = yield* makeGivenFiles

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
    Effect.suspend(() => {
      let kept: StoredMedia | undefined
      const keep = (part: IncomingFile, before: Readonly<Record<string, string>>) =>
        Effect.map(files.upload(deviceId, part, before), (stored) => {
          kept = stored
        })
      return Effect.gen(function*() {
        const fields = yield* readMultipart(NodeHttpServerRequest.toIncomingMessage(request), { file: keep })
        if (kept === undefined) return yield* new InvalidMultipart({ field: "file", reason: "a file is expected" })
        return yield* use(kept, yield* decoded(schema, typed(fields)))
      }).pipe(
        Effect.onExit((exit) => kept === undefined || (Exit.isSuccess(exit) && !discards) ? Effect.void : files.discard(kept))
      )
    })

  const sending = (to: Jid, file: StoredMedia, fields: MediaFields, field: string) =>
    Effect.map(files.content(file, fields, field), (content) => SendRequest.New({ to, content, quoted: fields.quotedMessageId }))

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
        const { field, file } = yield* files.named(deviceId, body, body.type)
        return yield* Effect.flatMap(sending(to(body), file, body, field), (asked) => send({ request: asked, identity: body }))
      }).pipe(Effect.scoped),
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
