import { HttpApiError, type HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest, NodeStream } from "@effect/platform-node"
import { Context, Effect, Either, Layer, Option, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { fill, placeholdersOf } from "../../domain/ContentTemplate.ts"
import type { Device, DeviceNotFound } from "../../domain/Device.ts"
import { type BadLine, type Job, JobInvalid } from "../../domain/Job.ts"
import { type IdempotencyConflict, MessageText } from "../../domain/Message.ts"
import type { Composition } from "../../domain/OutgoingContent.ts"
import { defaultCountry } from "../../domain/PhoneNumber.ts"
import { wholeNumber } from "../../domain/Settings.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Recipient } from "../../sql/JobIntake.ts"
import { Jobs } from "../../sql/Jobs.ts"
import { type DryRun, JobSettings } from "../contract/JobBodies.ts"
import { InvalidJson, PayloadTooLarge, UnsupportedMediaType } from "../edge/RequestErrors.ts"
import { CsvList } from "./CsvList.ts"
import { fromCsv, fromEntry, type JobLine, ownText } from "./JobLine.ts"
import { JsonList } from "./JsonList.ts"

export const mostRecipients = 100_000
const mostLinesNamed = 100
const longestEntry = 262_144
const rowsAtOnce = 500

/** `JOB_BODY_LIMIT`: the largest body of a job in bytes. */
const bodyLimit = wholeNumber("JOB_BODY_LIMIT", { from: 1024, to: 1024 * 1024 * 1024, fallback: 64 * 1024 * 1024 })

export interface JobRequest {
  readonly device: Device
  readonly request: HttpServerRequest.HttpServerRequest
  /** what a CSV file cannot say itself */
  readonly settings: typeof JobSettings.Type
  readonly dryRun: boolean
  readonly idempotencyKey: string | undefined
}

export interface Loaded {
  readonly job: Job
  readonly replayed: boolean
  readonly duplicates: number
  readonly duplicateLines: ReadonlyArray<number>
  readonly optedOut: number
}

type Failure =
  | DeviceNotFound
  | HttpApiError.HttpApiDecodeError
  | IdempotencyConflict
  | InvalidJson
  | JobInvalid
  | PayloadTooLarge
  | StorageUnavailable
  | UnsupportedMediaType

/** Takes jobs of texts in. They are looked through as they come, and become jobs as a whole or not at all. */
export class JobLoading extends Context.Tag("whatsapp-service/JobLoading")<JobLoading, {
  readonly load: (request: JobRequest) => Effect.Effect<Either.Either<Loaded, typeof DryRun.Type>, Failure>
}>() {
  static readonly layer = Layer.effect(
    JobLoading,
    Effect.gen(function*() {
      const jobs = yield* Jobs
      const limit = yield* bodyLimit
      const country = Option.getOrUndefined(yield* defaultCountry)

      /** What is wrong with some lines, given the text that they are for. */
      const check = Effect.fnUntraced(function*(row: number, content: Composition, lines: ReadonlyArray<number>, problems: Problems) {
        const needed = placeholdersOf(content)
        for (let from = 0; from < lines.length; from += rowsAtOnce) {
          for (const { position, variables } of yield* jobs.recipients(row, from, rowsAtOnce)) {
            const missing = needed.find((name) => !Object.hasOwn(variables, name))
            const line = lines[position]!
            if (missing === ownText) problems.add({ line, field: ownText, message: "is missing" })
            else if (missing !== undefined) problems.add({ line, field: missing, message: `there is no value for {{${missing}}}` })
            else {
              const filled = fill(content, variables)
              const wrong = filled._tag === "Text" ? wrongText(filled.text) : undefined
              if (wrong !== undefined) problems.add({ line, field: ownText, message: wrong })
            }
          }
        }
      })

      const load = Effect.fnUntraced(function*(input: JobRequest, row: number) {
        const { device, dryRun, idempotencyKey, request } = input
        const list = yield* reader(request.headers["content-type"], country)
        const hash = createHash("sha256").update(JSON.stringify([input.settings, dryRun]))
        const problems = makeProblems()
        const seen = new Set<string>()
        const lines: Array<number> = []
        const ownTexts: Array<number> = []
        const duplicateLines: Array<number> = []
        let duplicates = 0
        let bytes = 0
        let waiting: Array<Recipient> = []

        const take = ({ entry, line }: Entry) => {
          if (Either.isLeft(entry)) return problems.add({ line, ...entry.left })
          const { recipient, variables } = entry.right
          const print = createHash("sha1").update(recipient).update(JSON.stringify(Object.entries(variables).toSorted())).digest("base64")
          if (seen.has(print)) {
            duplicates += 1
            if (duplicateLines.length < mostLinesNamed) duplicateLines.push(line)
            return
          }
          seen.add(print)
          if (lines.length >= mostRecipients) return problems.add({ line, field: "messages", message: `at most ${mostRecipients} are expected` })
          if (entry.right.hasOwnText && ownTexts.length < mostLinesNamed) ownTexts.push(line)
          waiting.push({ position: lines.length, recipient, variables })
          lines.push(line)
        }
        const store = Effect.suspend(() => {
          const full = waiting
          waiting = []
          // one that is refused need not be kept
          return problems.count > 0 || full.length === 0 ? Effect.void : jobs.add(row, full)
        })

        yield* body(request).pipe(
          Stream.runForEach(Effect.fnUntraced(function*(chunk) {
            bytes += chunk.length
            if (bytes > limit) return yield* new PayloadTooLarge({ limitBytes: limit })
            hash.update(chunk)
            for (const entry of yield* list.push(chunk)) take(entry)
            if (waiting.length >= rowsAtOnce) yield* store
          }))
        )
        for (const entry of yield* list.end) take(entry)
        yield* store
        const settings = (yield* list.settings) ?? input.settings
        const delay = Math.round(settings.delay * 1000)

        if (settings.duplicates === "refuse") {
          for (const line of duplicateLines) problems.add({ line, field: "to", message: "the same message was there before" })
          problems.count += duplicates - duplicateLines.length
        }
        if (settings.message !== undefined) {
          for (const line of ownTexts) problems.add({ line, field: ownText, message: "there is one text for all" })
        }
        if (lines.length === 0 && problems.count === 0) problems.add({ line: 1, field: "messages", message: "at least one is expected" })
        const content: Composition = { _tag: "Text", text: settings.message ?? `{{${ownText}}}`, mentions: [], preview: null }
        if (problems.count === 0) yield* check(row, content, lines, problems)
        if (problems.count > 0) return yield* new JobInvalid({ errorCount: problems.count, errors: problems.named })

        const total = lines.length
        const optedOut = yield* jobs.optedOut(row)
        if (dryRun) {
          const samples = (yield* jobs.recipients(row, 0, 3)).map(({ recipient, variables }) => {
            const filled = fill(content, variables)
            return { to: recipient, message: filled._tag === "Text" ? filled.text : "" }
          })
          const estimatedSeconds = Math.round(Math.max(0, total - optedOut - 1) * settings.delay)
          return Either.left({
            dryRun: true as const, delaySec: settings.delay, total, duplicates, duplicateLines, optedOut, estimatedSeconds, samples
          })
        }
        const finished = yield* jobs.finish(row, {
          deviceId: device.deviceId,
          content,
          delay,
          name: settings.name,
          total,
          idempotencyKey,
          requestHash: idempotencyKey === undefined ? undefined : hash.digest("hex")
        })
        return Either.right({ ...finished, duplicates, duplicateLines, optedOut })
      })

      return JobLoading.of({
        load: Effect.fn("JobLoading.load")((input) =>
          Effect.acquireUseRelease(
            jobs.begin({ deviceId: input.device.deviceId, userId: input.device.userId }),
            (row) => load(input, row),
            // what has become a job is not met
            (row) => Effect.catchAllCause(jobs.discard(row), (cause) => Effect.logWarning("What is left of a job is removed later", cause))
          ).pipe(
            // the rest of what was refused is dropped as it comes
            Effect.ensuring(Effect.sync(() => NodeHttpServerRequest.toIncomingMessage(input.request).on("error", () => {}).resume()))
          )
        )
      })
    })
  )
}

/** Not the platform's: that one ends the connection with the reading, and nobody hears why. */
const body = (request: HttpServerRequest.HttpServerRequest) =>
  NodeStream.fromReadable<InvalidJson, Uint8Array>(
    () => NodeHttpServerRequest.toIncomingMessage(request),
    () => new InvalidJson(),
    { closeOnDone: false }
  )

interface Entry {
  readonly line: number
  readonly entry: Either.Either<JobLine, Omit<BadLine, "line">>
}

interface Reader {
  readonly push: (chunk: Uint8Array) => Effect.Effect<ReadonlyArray<Entry>, InvalidJson | JobInvalid>
  readonly end: Effect.Effect<ReadonlyArray<Entry>, InvalidJson | JobInvalid>
  /** those in the body, if it can say any */
  readonly settings: Effect.Effect<typeof JobSettings.Type | undefined, HttpApiError.HttpApiDecodeError | InvalidJson>
}

const JsonRest = Schema.decodeUnknown(Schema.Struct({
  ...JobSettings.fields,
  messages: Schema.optional(Schema.Array(Schema.Unknown)),
  recipients: Schema.optional(Schema.Array(Schema.Unknown))
}), { onExcessProperty: "error", errors: "all" })

/** By the body's type; one without a type is JSON. */
const reader = (contentType: string | undefined, country: string | undefined): Effect.Effect<Reader, UnsupportedMediaType> => {
  const utf8 = new TextDecoder("utf-8", { fatal: true })
  const type = contentType?.split(";")[0]!.trim().toLowerCase() ?? "application/json"
  if (type === "application/json") {
    const list = new JsonList(new Set(["messages", "recipients"]), longestEntry)
    let line = 0
    const read = (text: () => string) =>
      Effect.try({
        try: () => list.push(text()).map((entry): Entry => ({ line: ++line, entry: fromEntry(entry, country) })),
        catch: () => new InvalidJson()
      })
    const rest = Effect.try({ try: () => list.end(), catch: () => new InvalidJson() })
    return Effect.succeed({
      push: (chunk) => read(() => utf8.decode(chunk, { stream: true })),
      end: read(() => utf8.decode()),
      settings: Effect.flatMap(rest, (sent) => Effect.catchAll(JsonRest(sent), HttpApiError.HttpApiDecodeError.refailParseError))
    })
  }
  if (type === "text/csv") {
    const list = new CsvList(longestEntry)
    const read = (lines: () => ReturnType<CsvList["push"]>) =>
      Effect.try({
        try: () => lines().map(({ fields, line }): Entry => ({ line, entry: fromCsv(fields, country) })),
        catch: (error) => {
          const message = error instanceof SyntaxError ? error.message : "the file is not in UTF-8"
          return new JobInvalid({ errorCount: 1, errors: [{ line: list.lines, field: "csv", message }] })
        }
      })
    return Effect.succeed({
      push: (chunk) => read(() => list.push(utf8.decode(chunk, { stream: true }))),
      end: read(() => [...list.push(utf8.decode()), ...list.end()]),
      settings: Effect.succeed(undefined)
    })
  }
  return new UnsupportedMediaType()
}

interface Problems {
  count: number
  readonly named: Array<BadLine>
  readonly add: (problem: BadLine) => void
}
const makeProblems = (): Problems => ({
  count: 0,
  named: [],
  add(problem) {
    this.count += 1
    if (this.named.length < mostLinesNamed) this.named.push(problem)
  }
})

const validText = Schema.is(MessageText)
const wrongText = (text: string) => {
  const isEmpty = text.trim() === ""
  return validText(text) ? undefined : isEmpty ? "the text is empty" : "the text is longer than 65536 bytes"
}
