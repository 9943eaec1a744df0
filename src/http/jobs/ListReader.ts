import { Effect, type Either, Schema } from "effect"
import { type BadLine, JobInvalid } from "../../domain/Job.ts"
import { InvalidJson, UnsupportedMediaType } from "../edge/RequestErrors.ts"
import { CsvList } from "./CsvList.ts"
import { fromCsv, fromEntry, type JobLine, type LineRules } from "./JobLine.ts"
import { JsonList } from "./JsonList.ts"

const longestEntry = 262_144
/** What a list of recipients may be called. */
export const listNames = ["messages", "recipients"] as const

export interface Entry {
  readonly line: number
  readonly entry: Either.Either<JobLine, Omit<BadLine, "line">>
}

/** Takes a list of recipients piece by piece. */
export interface ListReader {
  readonly push: (chunk: Uint8Array) => Effect.Effect<ReadonlyArray<Entry>, InvalidJson | JobInvalid>
  readonly end: Effect.Effect<ReadonlyArray<Entry>, InvalidJson | JobInvalid>
  /** a JSON body with its list empty; undefined where the list is all there is */
  readonly rest: Effect.Effect<unknown, InvalidJson>
}

/** By the body's type; one without a type is JSON. */
export const bodyReader = (contentType: string | undefined, rules: LineRules): Effect.Effect<ListReader, UnsupportedMediaType> => {
  const type = contentType?.split(";")[0]!.trim().toLowerCase() ?? "application/json"
  if (type === "application/json") return Effect.succeed(jsonReader(rules))
  return type === "text/csv" ? Effect.succeed(csvReader(rules)) : new UnsupportedMediaType()
}

/** Of a part of a form: a JSON array, or CSV; its first character tells. */
export const partReader = (rules: LineRules): ListReader => {
  let reader: ListReader | undefined
  let isArray = false
  return {
    push: (chunk) => {
      const first = chunk.find((byte) => byte > 0x20)
      if (reader !== undefined || first === undefined) return reader?.push(chunk) ?? Effect.succeed([])
      isArray = first === openingBracket
      reader = isArray ? jsonReader(rules) : csvReader(rules)
      return reader.push(isArray ? Buffer.concat([Buffer.from("{\"messages\":"), chunk]) : chunk)
    },
    end: Effect.gen(function*() {
      if (reader === undefined) return []
      if (!isArray) return yield* reader.end
      const entries = [...(yield* reader.push(Buffer.from("}"))), ...(yield* reader.end)]
      return isArrayAlone(yield* reader.rest) ? entries : yield* new InvalidJson()
    }),
    rest: Effect.succeed(undefined)
  }
}

const openingBracket = 0x5b
const isArrayAlone = Schema.is(Schema.Struct({ messages: Schema.Tuple() }), { onExcessProperty: "error" })

const jsonReader = (rules: LineRules): ListReader => {
  const utf8 = new TextDecoder("utf-8", { fatal: true })
  const list = new JsonList(new Set(listNames), longestEntry)
  let line = 0
  const read = (text: () => string) =>
    Effect.try({
      try: () => list.push(text()).map((entry): Entry => ({ line: ++line, entry: fromEntry(entry, rules) })),
      catch: () => new InvalidJson()
    })
  return {
    push: (chunk) => read(() => utf8.decode(chunk, { stream: true })),
    end: read(() => utf8.decode()),
    rest: Effect.try({ try: () => list.end(), catch: () => new InvalidJson() })
  }
}

const csvReader = (rules: LineRules): ListReader => {
  const utf8 = new TextDecoder("utf-8", { fatal: true })
  const list = new CsvList(longestEntry)
  const read = (lines: () => ReturnType<CsvList["push"]>) =>
    Effect.try({
      try: () => lines().map(({ fields, line }): Entry => ({ line, entry: fromCsv(fields, rules) })),
      catch: (error) => {
        const message = error instanceof SyntaxError ? error.message : "the file is not in UTF-8"
        return new JobInvalid({ errorCount: 1, errors: [{ line: list.lines, field: "csv", message }] })
      }
    })
  return {
    push: (chunk) => read(() => list.push(utf8.decode(chunk, { stream: true }))),
    end: read(() => [...list.push(utf8.decode()), ...list.end()]),
    rest: Effect.succeed(undefined)
  }
}
