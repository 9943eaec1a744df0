import { expect, layer } from "@effect/vitest"
import { createConfig, lintFromString } from "@redocly/openapi-core"
import { Effect } from "effect"
import { ask, httpLayer } from "../support/http.ts"

/** Beyond what is recommended. */
const stricter = {
  "operation-operationId": "error",
  "operation-description": "error",
  "operation-singular-tag": "error",
  "operation-tag-defined": "error",
  "no-duplicated-tag-names": "error",
  "no-invalid-schema-examples": "error",
  "no-invalid-parameter-examples": "error",
  "no-required-schema-properties-undefined": "error",
  "no-schema-type-mismatch": "error",
  "no-enum-type-mismatch": "error",
  "no-mixed-number-range-constraints": "error"
} as const

const lint = Effect.fnUntraced(function*(source: string) {
  const config = yield* Effect.promise(() => createConfig({ extends: ["recommended-strict"], rules: stricter }))
  const problems = yield* Effect.promise(() => lintFromString({ source, absoluteRef: "/openapi.json", config }))
  return problems.map(({ location, message, ruleId }) => `${ruleId}: ${message} (${location[0]?.pointer})`)
})

layer(httpLayer())("the OpenAPI document", (it) => {
  it.effect("has nothing that a public linter objects to", () =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* ask("GET", "/openapi.json")
      expect([status, headers.get("content-type")]).toEqual([200, "application/json"])
      expect(yield* lint(text)).toEqual([])
    }), 60_000)

  it.effect("would be objected to", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      const login = json.paths["/api/auth/login"].post
      delete login.description
      login.requestBody.content["application/json"].schema = { $ref: "#/$defs/Int" }
      json.paths["/api/auth/register"].post.operationId = login.operationId
      const problems = (yield* lint(JSON.stringify(json))).map((problem) => problem.replace(/:.*/, ""))
      expect(new Set(problems)).toEqual(new Set(["operation-description", "no-unresolved-refs", "operation-operationId-unique"]))
    }), 60_000)

  it.effect("describes each error as the envelope with its codes", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      const shapesOf = (schema: Shape): ReadonlyArray<Shape> =>
        schema.$ref !== undefined
          ? shapesOf(json.components.schemas[schema.$ref.replace("#/components/schemas/", "")])
          : schema.anyOf?.flatMap(shapesOf) ?? [schema]
      for (const [path, operations] of Object.entries<Record<string, Operation>>(json.paths)) {
        for (const [method, { responses }] of Object.entries(operations)) {
          for (const [status, { content }] of Object.entries(responses).filter(([status]) => Number(status) >= 400)) {
            for (const shape of shapesOf(content["application/json"].schema)) {
              // the probe has a shape of its own
              if (path === "/health/ready" && shape.properties?.["checks"] !== undefined) continue
              expect(shape, `${method} ${path} ${status}`).toMatchObject({
                required: ["success", "message", "error"],
                properties: { success: { enum: [false] }, error: { required: expect.arrayContaining(["code"]), properties: { code: { enum: expect.any(Array) } } } }
              })
            }
          }
        }
      }
    }))
})

interface Shape {
  readonly $ref?: string
  readonly anyOf?: ReadonlyArray<Shape>
  readonly properties?: Readonly<Record<string, unknown>>
}
interface Operation {
  readonly responses: Readonly<Record<string, { readonly content: { readonly "application/json": { readonly schema: Shape } } }>>
}
