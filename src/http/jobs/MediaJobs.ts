import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Option, type Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import type { Jid } from "../../domain/Jid.ts"
import {
  InvalidMultipart, type MediaNotFound, type MediaNotStored, type MediaStorageFull, type MediaTooLarge, type MediaTypeMismatch,
  type MediaUnreachable, type MessageHasNoMedia, type StoredMedia
} from "../../domain/Media.ts"
import type { MessageNotFound } from "../../domain/Message.ts"
import { defaultCountry } from "../../domain/PhoneNumber.ts"
import { MediaJobByReference, MediaJobForm, type MediaJobParams, type MediaJobSettings, numerals } from "../contract/MediaJobBodies.ts"
import { makeGivenFiles } from "../media/GivenFiles.ts"
import { type IncomingFile, isMultipart, readMultipart } from "../media/MultipartBody.ts"
import type { JobCall, JobDraft, JobKind } from "./JobLoading.ts"
import type { JobLines } from "./JobLines.ts"
import { fromEntry, type LineRules } from "./JobLine.ts"
import { bodyLimit, settingsIn, takeBody, takeList } from "./ListBody.ts"
import { listNames, partReader } from "./ListReader.ts"
import type { ListError } from "./TextJobs.ts"

type MediaJobError =
  | InvalidMultipart
  | ListError
  | MediaNotFound
  | MediaNotStored
  | MediaStorageFull
  | MediaTooLarge
  | MediaTypeMismatch
  | MediaUnreachable
  | MessageHasNoMedia
  | MessageNotFound

/** Jobs that send one file to many, or several times into one group. The file is stored once, and gone again if no job comes of it. */
export const makeMediaJobs = Effect.gen(function*() {
  const files = yield* makeGivenFiles
  const limit = yield* bodyLimit
  const country = Option.getOrUndefined(yield* defaultCountry)

  /** The file comes along. */
  const form = Effect.fnUntraced(function*({ device: { deviceId }, dryRun, request }: JobCall, rules: LineRules, lines: JobLines) {
    const print = createHash("sha256").update(JSON.stringify([rules.group, dryRun]))
    let kept: StoredMedia | undefined
    let hasList = false
    const keep = (part: IncomingFile, before: Readonly<Record<string, string>>) =>
      Effect.map(files.owned(files.upload(deviceId, part, before)), (stored) => {
        kept = stored
      })
    const list = Effect.fnUntraced(function*({ bytes }: IncomingFile) {
      if (hasList) return yield* new InvalidMultipart({ field: listNames[1], reason: "one list is expected" })
      hasList = true
      const chunks = Stream.fromAsyncIterable(bytes, (cause) =>
        cause instanceof InvalidMultipart ? cause : new InvalidMultipart({ field: "messages", reason: "it broke off" }))
      yield* takeList(chunks, partReader(rules), { limit, lines, print })
    })
    const source = NodeHttpServerRequest.toIncomingMessage(request)
    const fields = yield* readMultipart<MediaJobError, Scope.Scope>(source, { file: keep, messages: list, recipients: list })
    if (kept === undefined) return yield* new InvalidMultipart({ field: "file", reason: "a file is expected" })
    const file = kept
    const settings = yield* settingsIn(MediaJobForm, typed(fields))
    if (!hasList) yield* alone(rules, lines)
    print.update(JSON.stringify([Object.entries(fields).toSorted(), file.sha256]))
    return draft(settings, files.content(file, shown(settings), "file"), print.digest("hex"))
  })

  /** The file is named; what has to be fetched is fetched when the lines are in order. */
  const reference = Effect.fnUntraced(function*(
    { device: { deviceId }, dryRun, request }: JobCall,
    query: typeof MediaJobParams.Type,
    rules: LineRules,
    lines: JobLines
  ) {
    const { dryRun: _, ...beside } = query
    const print = createHash("sha256").update(JSON.stringify([beside, rules.group, dryRun]))
    const rest = yield* takeBody(request, rules, { limit, lines, print })
    const settings = yield* settingsIn(MediaJobByReference, rest ?? beside)
    if (rest !== undefined && settings.messages === undefined && settings.recipients === undefined) yield* alone(rules, lines)
    const content = files.named(deviceId, settings, settings.type).pipe(
      Effect.flatMap(({ field, file }) => files.content(file, shown(settings), field))
    )
    return draft(settings, content, print.digest("hex"))
  })

  return (query: typeof MediaJobParams.Type, group: Jid | undefined): JobKind<MediaJobError> => {
    const rules: LineRules = { own: "caption", group, country }
    return {
      own: rules.own,
      read: (call, lines) => isMultipart(call.request) ? form(call, rules, lines) : reference(call, query, rules, lines)
    }
  }
})

/** A group needs no list: without one it is one message. */
const alone = (rules: LineRules, lines: JobLines) =>
  rules.group === undefined
    ? Effect.void
    : lines.take([{ line: 1, entry: fromEntry({}, rules) }])

/** A form knows texts alone. */
const typed = (fields: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) =>
    [name, isNumeral(name) && /^\d{1,9}(\.\d{1,3})?$/.test(value) ? Number(value) : value]))
const isNumeral = (name: string) => numerals.some((numeral) => numeral === name)

const draft = (settings: MediaJobSettings, content: JobDraft<MediaJobError>["content"], print: string): JobDraft<MediaJobError> => ({
  delay: settings.delay,
  name: settings.name,
  duplicates: settings.duplicates,
  words: settings.caption,
  content,
  print
})
/** Each line has a caption, if only an empty one, which is none. */
const shown = (settings: MediaJobSettings) => ({ ...settings, caption: settings.caption ?? "{{caption}}" })
