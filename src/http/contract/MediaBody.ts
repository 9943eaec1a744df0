import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { safeFileName } from "../../domain/FileType.ts"
import { largest, MediaId, MediaKind } from "../../domain/Media.ts"
import { MessageId } from "../../domain/Message.ts"
import { PersonAddress } from "./Addresses.ts"
import { closed, withAliases } from "./Body.ts"

export const captionLimit = 1024
const Caption = Schema.String.pipe(
  Schema.maxLength(captionLimit, { message: () => `at most ${captionLimit} characters are expected` })
)
const FileName = Schema.String.pipe(
  Schema.maxLength(255),
  Schema.filter((name) => safeFileName(name) === null ? "a file name is expected" : undefined)
)
const Url = Schema.String.pipe(
  Schema.maxLength(2048),
  Schema.filter((url) =>
    URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && new URL(url).username === ""
      ? undefined
      : "an http or https address is expected"
  )
)

/** As what a file is to be shown. */
export const shownAs = {
  type: Schema.optional(MediaKind),
  caption: Schema.optional(Caption),
  fileName: Schema.optional(FileName),
  seconds: Schema.optional(Schema.Int.pipe(Schema.between(0, 86_400)))
}
const fields = {
  ...shownAs,
  mentions: Schema.optional(Schema.Array(PersonAddress).pipe(Schema.maxItems(256))),
  quotedMessageId: Schema.optional(MessageId)
}
/** Where a file comes from, unless it comes along. */
export const sources = { mediaId: Schema.optional(MediaId), sourceMessageId: Schema.optional(MessageId), url: Schema.optional(Url) }
const toPerson = { phone: PersonAddress }

export const mediaAliases = { message: "caption", mediaUrl: "url", mediaType: "type" }
const aliases = { to: "phone", ...mediaAliases }

export const oneSource = <A extends { readonly mediaId?: unknown; readonly sourceMessageId?: unknown; readonly url?: unknown }, I>(body: Schema.Schema<A, I>) =>
  body.pipe(Schema.filter(({ mediaId, sourceMessageId, url }) =>
    [mediaId, sourceMessageId, url].filter((source) => source !== undefined).length === 1
      ? undefined
      : { path: ["url"], message: "one of url, mediaId and sourceMessageId is expected" }
  ))

/** A file that is named, to a person and to a group; and what accompanies one that comes along. */
export const MediaByReference = withAliases(oneSource(closed({ ...toPerson, ...fields, ...sources })), aliases, {
  phone: "6281234567890", url: "https://example.com/katalog.pdf", caption: "Katalog"
})
export const GroupMediaByReference = withAliases(oneSource(closed({ ...fields, ...sources })), aliases, {
  url: "https://example.com/katalog.pdf", caption: "Katalog"
})
export const MediaFields = withAliases(closed({ ...toPerson, ...fields }), aliases)
export const GroupMediaFields = withAliases(closed(fields), aliases)
export type MediaFields = Omit<typeof MediaFields.Type, "phone">
export type MediaSources = Pick<typeof MediaByReference.Type, keyof typeof sources>

export const binary = Schema.String.annotations({
  jsonSchema: {
    type: "string",
    format: "binary",
    description: `Up to ${Object.entries(largest).map(([kind, size]) => `${size / 1024 ** 2} MiB as ${kind}`).join(", ")}, and to MEDIA_MAX_SIZE.`
  }
})
const numeral = Schema.String.annotations({ jsonSchema: { type: "integer", minimum: 0 } })
const list = Schema.String.annotations({ jsonSchema: { type: "string", description: "separated by commas", examples: ["6281234567890,6281298765432"] } })
/** As a form has them; `file` comes last, so that what it is to be is known. */
const form = {
  type: Schema.optional(MediaKind),
  caption: Schema.optional(Schema.String.pipe(Schema.maxLength(captionLimit))),
  fileName: Schema.optional(Schema.String),
  seconds: Schema.optional(numeral),
  mentions: Schema.optional(list),
  quotedMessageId: Schema.optional(Schema.String),
  file: binary
}
const example = { type: "image" as const, caption: "Katalog" }
/** For the documentation: bodies of both types are read by hand, since a file is read as it comes. */
export const MediaBody = Schema.Union(
  MediaByReference,
  HttpApiSchema.MultipartStream(
    Schema.Struct({ phone: Schema.String, ...form }).annotations({ examples: [{ phone: "6281234567890", ...example, file: "…" }] })
  )
)
export const GroupMediaBody = Schema.Union(
  GroupMediaByReference,
  HttpApiSchema.MultipartStream(Schema.Struct(form).annotations({ examples: [{ ...example, file: "…" }] }))
)
/** A group's picture. */
export const PictureByReference = withAliases(oneSource(closed(sources)), { mediaUrl: "url" }, { url: "https://example.com/logo.jpg" })
export const FileBody = HttpApiSchema.MultipartStream(Schema.Struct({ file: binary }).annotations({ examples: [{ file: "…" }] }))
export const PictureBody = Schema.Union(PictureByReference, FileBody)
