import { Either, Option, Schema } from "effect"
import { fillText, placeholdersIn, variableName, type Variables } from "../../domain/ContentTemplate.ts"
import { bareJid, isJid, isLidJid, isPhoneJid, type Jid, phoneJid } from "../../domain/Jid.ts"
import { parsePhoneNumber } from "../../domain/PhoneNumber.ts"
import type { BadLine } from "../../domain/Job.ts"

/** A recipient's text, if each has one of his own, stands for this variable. */
export const ownText = "message"
const longestValue = 65_536
const mostVariables = 100

const Value = Schema.Union(Schema.String, Schema.Number)
const Entry = Schema.Struct({
  to: Schema.optional(Value),
  phone: Schema.optional(Value),
  message: Schema.optional(Schema.String),
  text: Schema.optional(Schema.String),
  variables: Schema.optional(Schema.Record({ key: Schema.String, value: Value }))
}).annotations({ parseOptions: { onExcessProperty: "error" } })
const decodeEntry = Schema.decodeUnknownEither(Entry)

export interface JobLine {
  readonly recipient: Jid
  readonly variables: Variables
  /** it came with a text */
  readonly hasOwnText: boolean
}
type Wrong = Omit<BadLine, "line">

const person = (written: string, country: string | undefined): Jid | undefined => {
  const jid = written.includes("@") ? bareJid(written) : undefined
  if (jid !== undefined && isJid(jid) && isLidJid(jid)) return jid
  if (jid !== undefined && !isPhoneJid(jid)) return undefined
  return Option.getOrUndefined(Option.map(parsePhoneNumber(jid ?? written, country), phoneJid))
}

/** An entry of a JSON list: `to`, and `message` or `variables` or both. */
export const fromEntry = (entry: unknown, country: string | undefined): Either.Either<JobLine, Wrong> => {
  const decoded = decodeEntry(entry)
  if (Either.isLeft(decoded)) {
    return Either.left({ field: "entry", message: "to, message and variables are expected, of texts and numbers, and nothing else" })
  }
  const { message, phone, text, to, variables = {} } = decoded.right
  return lineOf(to ?? phone, message ?? text, Object.entries(variables), country)
}

/** A line of a CSV file: the column `to`, perhaps one `message`, and the others are variables. */
export const fromCsv = (fields: Readonly<Record<string, string>>, country: string | undefined): Either.Either<JobLine, Wrong> => {
  const { message, phone, to, ...variables } = fields
  return lineOf(to ?? phone, message, Object.entries(variables), country)
}

const lineOf = (
  to: string | number | undefined,
  message: string | undefined,
  given: ReadonlyArray<readonly [string, string | number]>,
  country: string | undefined
): Either.Either<JobLine, Wrong> => {
  if (to === undefined || to === "") return wrong("to", "is missing")
  const recipient = `${to}`.length > 100 ? undefined : person(`${to}`, country)
  if (recipient === undefined) return wrong("to", "a phone number with country code, or a …@s.whatsapp.net or …@lid address is expected")
  if (given.length > mostVariables) return wrong("variables", `at most ${mostVariables} are expected`)
  const variables: Record<string, string> = {}
  for (const [name, value] of given) {
    if (!variableName.test(name)) return wrong("variables", `'${name.slice(0, 64)}' is no name of a variable`)
    if (`${value}`.length > longestValue) return wrong(name, "is too long")
    variables[name] = `${value}`
  }
  if (message === undefined) return Either.right({ recipient, variables, hasOwnText: false })
  const missing = placeholdersIn(message).find((name) => !Object.hasOwn(variables, name))
  if (missing !== undefined) return wrong(ownText, `there is no value for {{${missing}}}`)
  // whatever else was given is in the text by now
  return Either.right({ recipient, variables: { [ownText]: fillText(message, variables) }, hasOwnText: true })
}

const wrong = (field: string, message: string) => Either.left({ field, message })
