import type { HttpApiError } from "@effect/platform"
import { Effect, Option } from "effect"
import { createHash } from "node:crypto"
import { defaultCountry } from "../../domain/PhoneNumber.ts"
import type { JobInvalid } from "../../domain/Job.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type JobSettings, TextJobBody } from "../contract/JobBodies.ts"
import type { InvalidJson, PayloadTooLarge, UnsupportedMediaType } from "../edge/RequestErrors.ts"
import type { JobKind } from "./JobLoading.ts"
import type { LineRules } from "./JobLine.ts"
import { bodyLimit, settingsIn, takeBody } from "./ListBody.ts"

/** What can be wrong with any list. */
export type ListError =
  | HttpApiError.HttpApiDecodeError
  | InvalidJson
  | JobInvalid
  | PayloadTooLarge
  | StorageUnavailable
  | UnsupportedMediaType

/** Jobs that send a text; `query` is what a CSV file cannot say itself. */
export const makeTextJobs = Effect.gen(function*() {
  const limit = yield* bodyLimit
  const country = Option.getOrUndefined(yield* defaultCountry)
  const rules: LineRules = { own: "message", group: undefined, country }

  return (query: typeof JobSettings.Type): JobKind<ListError> => ({
    own: rules.own,
    read: Effect.fnUntraced(function*({ dryRun, request }, lines) {
      const print = createHash("sha256").update(JSON.stringify([query, dryRun]))
      const rest = yield* takeBody(request, rules, { limit, lines, print })
      const { message, ...settings } = rest === undefined ? query : yield* settingsIn(TextJobBody, rest)
      return {
        ...settings,
        name: settings.name,
        words: message,
        content: Effect.succeed({ _tag: "Text", text: message ?? "{{message}}", mentions: [], preview: null }),
        print: print.digest("hex")
      }
    })
  })
})
