import { HttpMethod, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import { wholeNumber } from "../../domain/Settings.ts"
import { InvalidJson, PayloadTooLarge, UnsupportedMediaType } from "./RequestErrors.ts"
import { parseJson } from "./WellFormedJson.ts"

/** `BODY_LIMIT`: the largest JSON body in bytes. */
export const bodyLimit = wholeNumber("BODY_LIMIT", { from: 1024, to: 64 * 1024 * 1024, fallback: 256 * 1024 })

type BodyError = InvalidJson | PayloadTooLarge | UnsupportedMediaType

/**
 * A request whose body is JSON of a bounded size. It is read when the endpoint asks for it, that is after the caller's
 * rights have been checked. The platform takes a failed read for a defect, so these errors come back as one.
 */
export const withJsonBody = (request: HttpServerRequest.HttpServerRequest, limit: number): HttpServerRequest.HttpServerRequest => {
  if (!HttpMethod.hasBody(request.method)) return request
  const refused = { get: () => new UnsupportedMediaType() }
  return Object.create(request, {
    json: { get: () => json(request, limit) },
    text: refused,
    arrayBuffer: refused,
    urlParamsBody: refused,
    multipart: refused
  })
}

const json = (request: HttpServerRequest.HttpServerRequest, limit: number): Effect.Effect<unknown, BodyError> =>
  Effect.gen(function*() {
    if (!isJson(request.headers["content-type"])) return yield* new UnsupportedMediaType()
    if (Number(request.headers["content-length"] ?? 0) > limit) return yield* new PayloadTooLarge({ limitBytes: limit })
    const bytes = yield* read(NodeHttpServerRequest.toIncomingMessage(request), limit)
    return yield* Effect.try({
      try: (): unknown => bytes.length === 0 ? null : parseJson(utf8.decode(bytes)),
      catch: () => new InvalidJson()
    })
  })

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** in milliseconds, for the whole of it */
const slowest = 60_000

/** A body without a type is taken for JSON. */
const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^application\/json\s*(;|$)/i.test(contentType)

/** Counts what comes, since a chunked body does not say its length; the rest of one that is too long is dropped as it comes. */
const read = (source: IncomingMessage, limit: number) =>
  Effect.async<Buffer, PayloadTooLarge | InvalidJson>((resume) => {
    // by the machine's own clock, as everything about sockets is
    const late = setTimeout(() => onAborted(), slowest)
    const chunks: Array<Buffer> = []
    let length = 0
    const onData = (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length > limit) done(new PayloadTooLarge({ limitBytes: limit }))
    }
    const onEnd = () => done(Effect.succeed(Buffer.concat(chunks)))
    const onAborted = () => done(new InvalidJson())
    const done = (result: Effect.Effect<Buffer, PayloadTooLarge | InvalidJson>) => {
      clearTimeout(late)
      source.off("data", onData).off("end", onEnd).off("error", onAborted).off("aborted", onAborted)
      source.on("error", () => {}).resume()
      resume(result)
    }
    source.on("data", onData).on("end", onEnd).on("error", onAborted).on("aborted", onAborted)
  })
