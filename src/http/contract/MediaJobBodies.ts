import { Schema } from "effect"
import { closed, withAliases } from "./Body.ts"
import { commonSettings, listFields } from "./JobBodies.ts"
import { mediaAliases, oneSource, shownAs, sources } from "./MediaBody.ts"

/** A job whose file is named, and what accompanies one whose file comes along. */
export const MediaJobByReference = withAliases(
  oneSource(closed({ ...commonSettings, ...shownAs, ...sources, ...listFields })),
  mediaAliases
)
export const MediaJobForm = withAliases(closed({ ...commonSettings, ...shownAs }), mediaAliases)
export type MediaJobSettings = typeof MediaJobForm.Type
/** The fields of a form, and of a query, that are numbers. */
export const numerals = ["delay", "seconds"] as const

/** For a CSV file, which cannot say them itself. */
export const MediaJobParams = Schema.Struct({
  dryRun: Schema.optionalWith(Schema.BooleanFromString, { default: () => false }),
  delay: Schema.optional(Schema.NumberFromString.pipe(Schema.compose(commonSettings.delay.from))),
  name: commonSettings.name,
  duplicates: Schema.optional(Schema.Literal("skip", "refuse")),
  ...shownAs,
  seconds: Schema.optional(Schema.NumberFromString.pipe(Schema.compose(Schema.Int))),
  ...sources
})

const example = { to: "6281234567890", caption: "Untuk Ani" }
const settings = {
  delay: { type: "number", minimum: 0, maximum: 3600, default: 3 },
  name: { type: "string", maxLength: 255 },
  duplicates: { enum: ["skip", "refuse"], default: "skip" },
  caption: { type: "string", maxLength: 1024, description: "one for all, with {{name}} for the variable name" },
  type: { enum: ["image", "video", "audio", "voice", "document", "sticker"] },
  fileName: { type: "string" },
  seconds: { type: "integer", minimum: 0 }
}

/** For the documentation: the body is read piece by piece. `named`: whether the lines name their recipients. */
export const mediaJobRequestBody = (named: boolean) => {
  const lines = {
    type: "array",
    minItems: 1,
    maxItems: 100_000,
    items: {
      type: "object",
      ...(named && { required: ["to"] }),
      properties: {
        ...(named && { to: { type: "string" } }),
        caption: { type: "string", maxLength: 1024 },
        variables: { type: "object", additionalProperties: { type: "string" } }
      }
    }
  }
  const { caption, to } = example
  const list = named
    ? [{ to, caption }, { to: "6281234567891", caption: "Untuk Budi" }]
    : [{ caption: "Harga baru" }, { caption: "Berlaku mulai besok" }]
  return {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object",
          required: named ? ["messages", "file"] : ["file"],
          properties: {
            ...settings,
            messages: { type: "string", description: "The list as a JSON array or as CSV, as a field or as a file." },
            file: { type: "string", format: "binary" }
          }
        },
        example: { delay: 3, messages: JSON.stringify(list), file: "…" }
      },
      "application/json": {
        schema: {
          type: "object",
          properties: {
            messages: lines,
            ...settings,
            url: { type: "string", format: "uri" },
            mediaId: { type: "string", pattern: "^[0-9a-f]{32}$" },
            sourceMessageId: { type: "string" }
          }
        },
        example: { url: "https://example.com/katalog.pdf", messages: list, delay: 3 }
      },
      "text/csv": { schema: { type: "string" }, example: named ? `to,caption\n${to},${caption}\n` : "caption\nHarga baru\n" }
    }
  }
}
