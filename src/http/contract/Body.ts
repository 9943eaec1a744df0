import { JSONSchema, Schema } from "effect"

/** A JSON body with these fields and no others: a misspelt field is an error, not a silently dropped wish. */
export const closed = <Fields extends Schema.Struct.Fields>(fields: Fields): Schema.Struct<Fields> =>
  Schema.Struct(fields).annotations({
    parseOptions: { onExcessProperty: "error", errors: "all" },
    message: () => "a JSON object is expected"
  })

/** Takes fields also under the older names that clients of earlier versions use; the documentation shows the new ones, and `example`. */
export const withAliases = <A, I>(body: Schema.Schema<A, I>, aliases: Readonly<Record<string, string>>, example?: object) =>
  Schema.transform(
    Schema.Unknown.annotations({
      jsonSchema: {
        ...documented(body),
        ...(example !== undefined && { examples: [example] })
      }
    }),
    body,
    {
      strict: false,
      decode: (sent) => (isRecord(sent) ? renamed(sent, aliases) : sent),
      encode: (value) => value
    }
  )

/** Without references: there is nothing that they could be resolved in where the platform puts it. */
export const documented = <A, I>(body: Schema.Schema<A, I>): object => {
  const { $defs = {}, $schema: _, ...shape } = JSONSchema.make(body, { target: "openApi3.1" })
  const inlined = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(inlined)
    if (!isRecord(node)) return node
    const { $ref, ...rest } = node
    const target = typeof $ref === "string" ? inlined($defs[$ref.replace("#/$defs/", "")]) : {}
    return { ...(target as object), ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, inlined(value)])) }
  }
  return inlined(shape) as object
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const renamed = (sent: Readonly<Record<string, unknown>>, aliases: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(sent).map(([name, value]) => {
      const target = Object.hasOwn(aliases, name) ? aliases[name]! : name
      return [target !== name && Object.hasOwn(sent, target) ? name : target, value]
    })
  )
