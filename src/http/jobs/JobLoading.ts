import type { HttpServerRequest } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Context, Effect, Either, Layer, Schema, type Scope } from "effect"
import { fill, placeholdersOf } from "../../domain/ContentTemplate.ts"
import type { Device, DeviceNotFound } from "../../domain/Device.ts"
import { type Job, JobInvalid } from "../../domain/Job.ts"
import { type IdempotencyConflict, MessageText } from "../../domain/Message.ts"
import type { Composition } from "../../domain/OutgoingContent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Jobs } from "../../sql/jobs/Jobs.ts"
import type { DryRun } from "../contract/JobBodies.ts"
import { captionLimit } from "../contract/MediaBody.ts"
import { JobLines } from "./JobLines.ts"
import type { LineRules } from "./JobLine.ts"

const rowsAtOnce = 500

export interface JobCall {
  readonly device: Device
  readonly request: HttpServerRequest.HttpServerRequest
  readonly dryRun: boolean
  readonly idempotencyKey: string | undefined
}

/** What a call asks for, but for its recipients. */
export interface JobDraft<E> {
  /** in seconds */
  readonly delay: number
  readonly name: string | undefined
  readonly duplicates: "skip" | "refuse"
  /** the text or caption that is for all */
  readonly words: string | undefined
  /** what is sent, with the words; asked for once the lines are in order */
  readonly content: Effect.Effect<Composition, E, Scope.Scope>
  /** two calls with the same one are the same call */
  readonly print: string
}

/** A kind of job: how its calls are read. */
export interface JobKind<E> {
  readonly own: LineRules["own"]
  /** Reads the body; its lines are taken as they come. */
  readonly read: (call: JobCall, lines: JobLines) => Effect.Effect<JobDraft<E>, E, Scope.Scope>
}

export interface Loaded {
  readonly job: Job
  readonly replayed: boolean
  readonly duplicates: number
  readonly duplicateLines: ReadonlyArray<number>
  readonly optedOut: number
}

/** Takes jobs in. They are looked through as they come, and become jobs as a whole or not at all. */
export class JobLoading extends Context.Tag("whatsapp-service/JobLoading")<JobLoading, {
  readonly load: <E>(call: JobCall, kind: JobKind<E>) => Effect.Effect<
    Either.Either<Loaded, typeof DryRun.Type>,
    DeviceNotFound | IdempotencyConflict | JobInvalid | StorageUnavailable | E
  >
}>() {
  static readonly layer = Layer.effect(
    JobLoading,
    Effect.gen(function*() {
      const jobs = yield* Jobs

      /** Looks for what is wrong with some lines, given the content that they are for. */
      const check = Effect.fnUntraced(function*(row: number, own: LineRules["own"], content: Composition, lines: JobLines) {
        const needed = placeholdersOf(content)
        for (let from = 0; from < lines.lines.length; from += rowsAtOnce) {
          for (const { position, variables } of yield* jobs.recipients(row, from, rowsAtOnce)) {
            const missing = needed.find((name) => !Object.hasOwn(variables, name))
            const line = lines.lines[position]!
            if (missing === own) lines.refuse({ line, field: own, message: "is missing" })
            else if (missing !== undefined) lines.refuse({ line, field: missing, message: `there is no value for {{${missing}}}` })
            else {
              const wrong = wrongWords(fill(content, variables))
              if (wrong !== undefined) lines.refuse({ line, field: own, message: wrong })
            }
          }
        }
      })

      const load = Effect.fnUntraced(function*<E>(call: JobCall, { own, read }: JobKind<E>, row: number) {
        const { deviceId } = call.device
        const lines = new JobLines((recipients) => jobs.add(row, recipients))
        const { content: asked, delay, duplicates: policy, name, print, words } = yield* read(call, lines)
        yield* lines.flush
        if (policy === "refuse") lines.refuseDuplicates()
        if (words !== undefined) {
          for (const line of lines.ownWords) lines.refuse({ line, field: own, message: `there is one ${wordsOf[own]} for all` })
        }
        const total = lines.lines.length
        if (total === 0 && lines.problemCount === 0) lines.refuse({ line: 1, field: "messages", message: "at least one is expected" })
        const refused = Effect.suspend(() =>
          lines.problemCount === 0 ? Effect.void : new JobInvalid({ errorCount: lines.problemCount, errors: lines.problems })
        )
        yield* refused
        const content = yield* asked
        yield* check(row, own, content, lines)
        yield* refused

        const { duplicateLines, duplicates } = lines
        const optedOut = yield* jobs.optedOut(row)
        if (call.dryRun) {
          const samples = (yield* jobs.recipients(row, 0, 3)).map(({ recipient, variables }) => ({
            to: recipient,
            message: wordsIn(fill(content, variables)) ?? ""
          }))
          const estimatedSeconds = Math.round(Math.max(0, total - optedOut - 1) * delay)
          return Either.left({ dryRun: true as const, delaySec: delay, total, duplicates, duplicateLines, optedOut, estimatedSeconds, samples })
        }
        const finished = yield* jobs.finish(row, {
          deviceId,
          content,
          delay: Math.round(delay * 1000),
          name,
          total,
          idempotencyKey: call.idempotencyKey,
          requestHash: call.idempotencyKey === undefined ? undefined : print
        })
        return Either.right({ ...finished, duplicates, duplicateLines, optedOut })
      })

      return JobLoading.of({
        load: Effect.fn("JobLoading.load")((call, kind) =>
          Effect.acquireUseRelease(
            jobs.begin({ deviceId: call.device.deviceId, userId: call.device.userId }),
            (row) => Effect.scoped(load(call, kind, row)),
            // what has become a job is not met
            (row) => Effect.catchAllCause(jobs.discard(row), (cause) => Effect.logWarning("What is left of a job is removed later", cause))
          ).pipe(
            // the rest of what was refused is dropped as it comes
            Effect.ensuring(Effect.sync(() => NodeHttpServerRequest.toIncomingMessage(call.request).on("error", () => {}).resume()))
          )
        )
      })
    })
  )
}

const wordsOf = { message: "text", caption: "caption" } as const

const wordsIn = (content: Composition): string | null =>
  content._tag === "Text" ? content.text : content._tag === "Media" ? content.caption : null

const validText = Schema.is(MessageText)
const wrongWords = (content: Composition): string | undefined => {
  const words = wordsIn(content)
  if (content._tag === "Media") return (words?.length ?? 0) > captionLimit ? `is longer than ${captionLimit} characters` : undefined
  const isEmpty = words?.trim() === ""
  return words === null || validText(words) ? undefined : isEmpty ? "the text is empty" : "the text is longer than 65536 bytes"
}
