import { Schema } from "effect"
import { type Composition, OutgoingContent } from "./OutgoingContent.ts"

const [Text, Location, Contacts, Poll, Media] = OutgoingContent.members

/** A new message as it is kept for many recipients or for later: nothing is quoted, and secrets are made with each message. */
export const Template = Schema.Union(
  Text.omit("quote"),
  Location.omit("quote"),
  Contacts.omit("quote"),
  Poll.omit("quote", "secret"),
  Media.omit("quote")
)
/** As it is stored. */
export const StoredTemplate = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), content: Template }))

/** What stands in the place of `{{name}}`, by the name. */
export const Variables = Schema.Record({ key: Schema.String, value: Schema.String })
export type Variables = typeof Variables.Type

export const variableName = /^[\p{L}_][\p{L}\p{N}_.-]{0,63}$/u
const placeholder = /\{\{\s*([\p{L}_][\p{L}\p{N}_.-]{0,63})\s*\}\}/gu

/** The same content with what people read of it changed. */
const withTexts = (content: Composition, change: (text: string) => string): Composition => {
  const orNull = (text: string | null) => text === null ? null : change(text)
  switch (content._tag) {
    case "Text":
      return { ...content, text: change(content.text) }
    case "Location":
      return { ...content, name: orNull(content.name), address: orNull(content.address) }
    case "Contacts":
      return content
    case "Poll":
      return { ...content, name: change(content.name), options: content.options.map(change) }
    case "Media":
      return { ...content, caption: orNull(content.caption) || null }
  }
}

/** Values are not looked into: a `{{name}}` in one stays as it is. */
export const fillText = (text: string, variables: Variables): string =>
  text.replaceAll(placeholder, (whole, name: string) => Object.hasOwn(variables, name) ? variables[name]! : whole)

export const fill = (content: Composition, variables: Variables): Composition =>
  withTexts(content, (text) => fillText(text, variables))

export const placeholdersIn = (text: string): ReadonlyArray<string> =>
  [...new Set([...text.matchAll(placeholder)].map((match) => match[1]!))]

/** The names of the variables that a content needs. */
export const placeholdersOf = (content: Composition): ReadonlyArray<string> => {
  const texts: Array<string> = []
  withTexts(content, (text) => {
    texts.push(text)
    return text
  })
  return placeholdersIn(texts.join("\n"))
}
