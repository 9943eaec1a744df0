import fc from "fast-check"
import { type JsonSchema, nearly, oddJson, oddText } from "./oddInput.ts"
import type { RawRequest } from "./rawRequest.ts"
import { sampleFiles } from "./sampleFiles.ts"

interface Parameter {
  readonly in: string
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
}
export interface Operation {
  readonly parameters: ReadonlyArray<Parameter>
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>>
}
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

export interface DocumentedRequest extends RawRequest {
  /** the operation that is meant, whatever the method and the path became */
  readonly meant: { readonly path: string; readonly method: string }
}

/** Texts by the name of their field that lead somewhere. */
export type Known = Readonly<Record<string, ReadonlyArray<string>>>

/** Requests to one operation of the document that are nearly right, or not at all. */
export const requestsTo = (
  document: OpenApiDocument,
  [path, method]: readonly [string, string],
  known: Known,
  authorization: string
): fc.Arbitrary<DocumentedRequest> => {
  const operation = document.paths[path]![method]!
  const valueOf = ({ name, schema }: Parameter) =>
    fc.oneof(
      { weight: 6, arbitrary: known[name] === undefined ? nearly(schema, document.components.schemas, known, name) : fc.constantFrom<unknown>(...known[name]) },
      { weight: 1, arbitrary: oddText }
    )
  const inPath = operation.parameters.filter((parameter) => parameter.in === "path")
  const inQuery = operation.parameters.filter((parameter) => parameter.in === "query")
  return fc.record({
    path: fc.tuple(...inPath.map(valueOf)),
    query: fc.tuple(...inQuery.map((parameter) => isAlways(parameter) ? valueOf(parameter) : fc.option(valueOf(parameter), { nil: undefined }))),
    more: fc.oneof({ weight: 5, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constantFrom("x[]=1", "limit=1&limit=2", "%", "a=%E0%A4%A", "timeout=0&timeout=0", "=", "__proto__=1") }),
    method: fc.oneof({ weight: 20, arbitrary: fc.constant(method.toUpperCase()) }, { weight: 1, arbitrary: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE") }),
    body: bodies(document, operation, known),
    headers: fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: oddHeaders }),
    cut: fc.oneof({ weight: 15, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.double({ min: 0, max: 0.99, noNaN: true }) })
  }).map(({ body, cut, headers, method: sentAs, more, path: values, query }) => {
    const asked = inPath.reduce((asked, { name }, index) => asked.replace(`{${name}}`, () => encoded(values[index])), path)
    const parts = [...inQuery.flatMap(({ name }, index) => (query[index] === undefined ? [] : [`${name}=${encoded(query[index])}`])), ...(more === "" ? [] : [more])]
    return {
      meant: { path, method },
      method: sentAs,
      path: `${asked}${parts.length === 0 ? "" : `?${parts.join("&")}`}`,
      headers: {
        authorization,
        ...(body.bytes.length > 0 && { "content-length": String(body.bytes.length) }),
        ...(body.type !== "" && { "content-type": body.type }),
        ...headers
      },
      body: body.bytes,
      cutAfter: cut === undefined || body.bytes.length === 0 ? undefined : Math.floor(body.bytes.length * cut)
    }
  })
}

/** What waits is told not to wait for long. */
const isAlways = ({ name, required }: Parameter) => required || name === "timeout"

const encoded = (value: unknown) => {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? ""
  return text === "%" ? text : encodeURIComponent(text.toWellFormed()).slice(0, 6000)
}

const oddHeaders = fc.constantFrom<Record<string, string>>(
  { "idempotency-key": "k" }, { "idempotency-key": "" }, { "idempotency-key": "x".repeat(300) }, { "idempotency-key": "\u00e9" },
  { "content-type": "application/json; charset=utf-16" }, { "content-type": "text/plain" }, { "content-type": "multipart/form-data" },
  { "content-type": "application/x-www-form-urlencoded" }, { "content-type": "\u00ff" }, { "content-encoding": "gzip" }, { range: "bytes=5-1" }, { range: "bytes=-99999999999999999999" },
  { range: "lines=x" }, { "if-none-match": "*" }, { "last-event-id": "x" }, { "last-event-id": "-1" }, { "last-event-id": "9".repeat(40) },
  { authorization: "Basic x" }, { authorization: "Bearer " }, { authorization: "Bearer \u00e9" }, { authorization: "", "x-api-key": "wak_x" },
  { "x-forwarded-for": "%%, ::1" }, { "x-request-id": "\u00e9 ".repeat(50) }, { origin: "null" }, { accept: "text/plain" }, { expect: "100-continue" }, { cookie: "x".repeat(5000) }
)

interface Body {
  readonly type: string
  readonly bytes: Buffer
}
const json = (text: string): Body => ({ type: "application/json", bytes: Buffer.from(text) })

const bodies = (document: OpenApiDocument, operation: Operation, known: Known): fc.Arbitrary<Body> => {
  const contents = Object.entries(operation.requestBody?.content ?? {})
  const wrong = fc.oneof(
    oddJson.map((value) => json(JSON.stringify(value) ?? "")),
    fc.constantFrom("", "{", "null", "[]", "\0", "\uFEFF{}", "{\"a\":1,\"a\":2}", "1e999", "[".repeat(3000), `{"a":${"[".repeat(9000)}${"]".repeat(9000)}}`, `{"a":"\\ud800","b":${"[".repeat(9000)}${"]".repeat(9000)}}`, `{"message":"${"x".repeat(300_000)}"}`).map(json),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => ({ type: "application/json", bytes: Buffer.from(bytes) }))
  )
  if (contents.length === 0) return fc.oneof({ weight: 8, arbitrary: fc.constant<Body>({ type: "", bytes: Buffer.alloc(0) }) }, { weight: 1, arbitrary: wrong })
  const right = contents.map(([type, { schema }]): fc.Arbitrary<Body> => {
    const value = nearly(schema, document.components.schemas, known)
    if (type === "multipart/form-data") return forms(value)
    if (type === "text/csv") return lists
    return value.map((content) => json(JSON.stringify(content) ?? ""))
  })
  return fc.oneof({ weight: 9, arbitrary: fc.oneof(...right) }, { weight: 1, arbitrary: wrong })
}

const lists = fc.array(fc.array(fc.oneof(oddText, fc.constantFrom("to", "name", "message", "6281234567890", "\"", "\"a,b\"")), { maxLength: 4 }), { maxLength: 5 })
  .map((lines): Body => ({ type: "text/csv", bytes: Buffer.from(["to,name", ...lines.map((line) => line.join(","))].join("\n")) }))

const files = fc.constantFrom(
  sampleFiles.jpeg(), sampleFiles.pdf(), sampleFiles.ogg(), Buffer.alloc(0), Buffer.from("<script>"), sampleFiles.mp4(400_000)
)
const quoted = (text: string) => text.replaceAll(/["\r\n]/g, "_").slice(0, 2000)

const forms = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Body> =>
  fc.tuple(value, files, fc.oneof(fc.constantFrom("a.jpg", "../../x", ".", "CON"), oddText), fc.constantFrom("file", "file", "file", "media", "other", ""), fc.constantFrom("b", "b", "b", "c"))
    .map(([fields, file, fileName, field, boundary]) => {
      const parts = typeof fields === "object" && fields !== null ? Object.entries(fields).filter(([name]) => name !== "file") : []
      return {
        type: `multipart/form-data; boundary=${boundary}`,
        bytes: Buffer.concat([
          ...parts.map(([name, part]) => Buffer.from(`--b\r\nContent-Disposition: form-data; name="${quoted(name)}"\r\n\r\n${typeof part === "string" ? part : JSON.stringify(part)}\r\n`)),
          Buffer.from(`--b\r\nContent-Disposition: form-data; name="${field}"; filename="${quoted(fileName)}"\r\n\r\n`),
          file,
          Buffer.from("\r\n--b--\r\n")
        ])
      }
    })
