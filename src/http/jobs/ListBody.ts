import { HttpApiError, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest, NodeStream } from "@effect/platform-node"
import { Effect, Schema, Stream } from "effect"
import type { Hash } from "node:crypto"
import { wholeNumber } from "../../domain/Settings.ts"
import { InvalidJson, PayloadTooLarge } from "../edge/RequestErrors.ts"
import type { JobLines } from "./JobLines.ts"
import type { LineRules } from "./JobLine.ts"
import { bodyReader, type ListReader } from "./ListReader.ts"

/** `JOB_BODY_LIMIT`: the largest list of a job in bytes. */
export const bodyLimit = wholeNumber("JOB_BODY_LIMIT", { from: 1024, to: 1024 * 1024 * 1024, fallback: 64 * 1024 * 1024 })

/** Takes the lines in as they come; `print` gets all bytes. */
export const takeList = <E, R>(
  chunks: Stream.Stream<Uint8Array, E, R>,
  reader: ListReader,
  { limit, lines, print }: { readonly limit: number; readonly lines: JobLines; readonly print: Hash }
) =>
  Effect.suspend(() => {
    let bytes = 0
    return chunks.pipe(
      Stream.runForEach(Effect.fnUntraced(function*(chunk) {
        bytes += chunk.length
        if (bytes > limit) return yield* new PayloadTooLarge({ limitBytes: limit })
        print.update(chunk)
        yield* lines.take(yield* reader.push(chunk))
      })),
      Effect.zipRight(Effect.flatMap(reader.end, (last) => lines.take(last)))
    )
  })

/** A body that is a list, or JSON with one in it. Answers the rest of that. */
export const takeBody = Effect.fnUntraced(function*(
  request: HttpServerRequest.HttpServerRequest,
  rules: LineRules,
  options: { readonly limit: number; readonly lines: JobLines; readonly print: Hash }
) {
  const reader = yield* bodyReader(request.headers["content-type"], rules)
  yield* takeList(body(request), reader, options)
  return yield* reader.rest
})

/** Not the platform's: that one ends the connection with the reading, and nobody hears why. */
const body = (request: HttpServerRequest.HttpServerRequest) =>
  NodeStream.fromReadable<InvalidJson, Uint8Array>(
    () => NodeHttpServerRequest.toIncomingMessage(request),
    () => new InvalidJson(),
    { closeOnDone: false }
  )

/** What a call says beside its list, as a schema has it. */
export const settingsIn = <A, I>(schema: Schema.Schema<A, I>, sent: unknown) =>
  Effect.catchAll(Schema.decodeUnknown(schema)(sent), HttpApiError.HttpApiDecodeError.refailParseError)
