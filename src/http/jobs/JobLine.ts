import { Either, Option, Schema } from "effect"
import { fillText, placeholdersIn, variableName, type Variables } from "../../domain/ContentTemplate.ts"
import { bareJid, isJid, isLidJid, isPhoneJid, type Jid, phoneJid } from "../../domain/Jid.ts"
import { parsePhoneNumber } from "../../domain/PhoneNumber.ts"
import type { BadLine } from "../../domain/Job.ts"

/** What a line may say, and for whom it is. */
export interface LineRules {
  /** the variable that a line's own words stand for; a text needs some, a caption may be empty */
  readonly own: "message" | "caption"
  /** the group that all lines are for; without it each names its own recipient */
  readonly group: Jid | undefined
  /** of numbers that are written without one */
  readonly country: string | undefined
}

const longestValue = 65_536
const mostVariables = 100

const Value = Schema.Union(Schema.String, Schema.Number)
const Entry = Schema.Struct({
  to: Schema.optional(Value),
  phone: Schema.optional(Value),
  caption: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  text: Schema.optional(Schema.String),
  variables: Schema.optional(Schema.Record({ key: Schema.String, value: Value }))
})
type Given = typeof Entry.Type
const decoderOf = <A extends Given, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })
  return (entry: unknown): Either.Either<Given, unknown> => decode(entry)
}
const decoders = {
  message: decoderOf(Entry.omit("caption")),
  caption: decoderOf(Entry),
  group: decoderOf(Entry.omit("to", "phone"))
}

export interface JobLine {
  readonly recipient: Jid
  readonly variables: Variables
  /** it came with a text or caption */
  readonly hasOwnWords: boolean
}
type Wrong = Omit<BadLine, "line">

const person = (written: string, country: string | undefined): Jid | undefined => {
  const jid = written.includes("@") ? bareJid(written) : undefined
  if (jid !== undefined && isJid(jid) && isLidJid(jid)) return jid
  if (jid !== undefined && !isPhoneJid(jid)) return undefined
  return Option.getOrUndefined(Option.map(parsePhoneNumber(jid ?? written, country), phoneJid))
}

/** An entry of a JSON list: `to`, and its own words or `variables` or both; or a recipient alone. */
export const fromEntry = (entry: unknown, rules: LineRules): Either.Either<JobLine, Wrong> => {
  const { group, own } = rules
  const decoded = group === undefined && typeof entry === "string"
    ? Either.right<Given>({ to: entry })
    : decoders[group === undefined ? own : "group"](entry)
  if (Either.isLeft(decoded)) {
    const names = `${group === undefined ? "to, " : ""}${own} and variables`
    return Either.left({ field: "entry", message: `${names} are expected, of texts and numbers, and nothing else` })
  }
  const { caption, message, phone, text, to, variables = {} } = decoded.right
  return lineOf(to ?? phone, caption ?? message ?? text, Object.entries(variables), rules)
}

/** A line of a CSV file: the column `to`, perhaps one of its own words, and the others are variables. */
export const fromCsv = (fields: Readonly<Record<string, string>>, rules: LineRules): Either.Either<JobLine, Wrong> => {
  const { message, phone, to, ...others } = fields
  if (rules.own === "message") return lineOf(to ?? phone, message, Object.entries(others), rules)
  const { caption, ...variables } = others
  return lineOf(to ?? phone, caption || message || undefined, Object.entries(variables), rules)
}

const lineOf = (
  to: string | number | undefined,
  message: string | undefined,
  given: ReadonlyArray<readonly [string, string | number]>,
  { country, group, own }: LineRules
): Either.Either<JobLine, Wrong> => {
  if (group === undefined && (to === undefined || to === "")) return wrong("to", "is missing")
  const recipient = group ?? (`${to}`.length > 100 ? undefined : person(`${to}`, country))
  if (recipient === undefined) return wrong("to", "a phone number with country code, or a …@s.whatsapp.net or …@lid address is expected")
  if (given.length > mostVariables) return wrong("variables", `at most ${mostVariables} are expected`)
  const variables: Record<string, string> = own === "caption" ? { caption: "" } : {}
  for (const [name, value] of given) {
    if (!variableName.test(name)) return wrong("variables", `'${name.slice(0, 64)}' is no name of a variable`)
    if (`${value}`.length > longestValue) return wrong(name, "is too long")
    variables[name] = `${value}`
  }
  if (message === undefined) return Either.right({ recipient, variables, hasOwnWords: false })
  const missing = placeholdersIn(message).find((name) => !Object.hasOwn(variables, name))
  if (missing !== undefined) return wrong(own, `there is no value for {{${missing}}}`)
  // whatever else was given is in the words by now
  return Either.right({ recipient, variables: { [own]: fillText(message, variables) }, hasOwnWords: true })
}

const wrong = (field: string, message: string) => Either.left({ field, message })
