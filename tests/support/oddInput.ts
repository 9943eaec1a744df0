import fc from "fast-check"

/** What no field is meant for, and some that only look so. */
export const oddText = fc.oneof(
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 30 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "", " ", "..", "\0", "a\0b", "\uD800", "b\uDFFFc", "\u{1F600}".repeat(40), "\u202Eabc", "e\u0301", "\uFFFF", "\r\nX-Y: z", "'; DROP TABLE users; --", "%", "_%",
      "__proto__", "constructor", "1e309", "-1", "0", "1", "2", "1.5", "NaN", "9007199254740993", "99999999999999999999", "true", "null", "[]", "{{name}}",
      "6281234567890", "0812", "+62 812-3456-7890", "6281234567890@s.whatsapp.net", "120363000000000001@g.us", "status@broadcast", "1@lid",
      "2027-01-04T09:00:00", "2026-02-30", "0000-01-01", "+275760-09-13T00:00:00Z", "* * * * *", "Asia/Jakarta", "Mars/Olympus",
      "http://127.0.0.1/x", "http://nowhere.invalid/", "javascript:1", "a".repeat(300), "é".repeat(5000), "x".repeat(70_000)
    )
  }
)

const oddNumber = fc.constantFrom<number>(0, -0, -1, 1, 1.5, 13, 255, 256, 3600, 1e21, 2 ** 31, 2 ** 53, 5e-324, -1e308)

export const oddJson = fc.oneof(fc.jsonValue(), oddText, oddNumber, fc.constantFrom<unknown>(null, true, [], {}, [null], { __proto__: null }, [[[[]]]]))

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<unknown>
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly allOf?: ReadonlyArray<JsonSchema>
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: JsonSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly examples?: ReadonlyArray<unknown>
}

/**
 * Values after a schema of the OpenAPI document, of which each part may be something else. `known` are texts by the name of
 * their field that lead somewhere.
 */
export const nearly = (
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
  known: Readonly<Record<string, ReadonlyArray<string>>>,
  name = ""
): fc.Arbitrary<unknown> => {
  const within = (part: JsonSchema, called = name) => nearly(part, definitions, known, called)
  if (schema.$ref !== undefined) return within(definitions[schema.$ref.replace("#/components/schemas/", "")]!)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((part) => within(part)))
  if (schema.allOf !== undefined) return within(Object.assign({}, schema, { allOf: undefined }, ...schema.allOf))
  return fc.oneof({ weight: 12, arbitrary: asTold(schema, within, known[name]) }, { weight: 1, arbitrary: oddJson })
}

const asTold = (
  schema: JsonSchema,
  within: (part: JsonSchema, called?: string) => fc.Arbitrary<unknown>,
  known: ReadonlyArray<string> | undefined
): fc.Arbitrary<unknown> => {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case "object": {
      const fields = Object.entries(schema.properties ?? {})
      const meant = fields.map(([field, part]) =>
        fc.option(within(part, field), { freq: schema.required?.includes(field) === true ? 30 : 1, nil: undefined }))
      const more = fc.dictionary(fc.oneof(fc.constantFrom("__proto__", "toString", "text", "to"), oddText), oddJson, { minKeys: 1, maxKeys: 2 })
      return fc.tuple(
        fc.tuple(...meant),
        fc.oneof({ weight: 15, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: more })
      ).map(([values, unknown]) => ({
        ...unknown,
        ...Object.fromEntries(fields.flatMap(([field], index) => (values[index] === undefined ? [] : [[field, values[index]]])))
      }))
    }
    case "array":
      return fc.array(within(schema.items ?? {}), { minLength: 1, maxLength: 4 })
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1000, (schema.minimum ?? 0) + 5000) })
    case "number":
      return fc.oneof(fc.integer({ min: schema.minimum ?? -90, max: schema.maximum ?? 90 }), oddNumber)
    case "boolean":
      return fc.boolean()
    case "string":
      return known === undefined
        ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom("halo", ...(schema.examples ?? [])) }, { weight: 1, arbitrary: oddText })
        : fc.constantFrom(...known)
    default:
      return oddJson
  }
}
