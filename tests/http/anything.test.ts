import { HttpApi } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { request } from "node:http"
import { Api } from "../../src/http/Api.ts"
import { baseUrl, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const endpoints: Array<{ readonly method: string; readonly path: string }> = []
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint }) => void endpoints.push({ method: endpoint.method, path: endpoint.path })
})

/** Node's own client, which sends what `fetch` would mend. The answer is read until a second has passed without an end. */
const send = (base: string, options: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body: string }) =>
  new Promise<{ readonly status: number; readonly type: string; readonly text: string }>((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const call = request({ hostname, port, agent: false, method: options.method, path: options.path, headers: options.headers }, (answer) => {
      const type = String(answer.headers["content-type"])
      let text = ""
      const done = () => resolve({ status: answer.statusCode!, type, text })
      answer.setEncoding("utf8").on("data", (chunk: string) => void (text += chunk)).on("end", done)
      if (type.startsWith("text/event-stream")) {
        answer.on("error", () => {})
        call.destroy()
        done()
      }
    })
    call.on("error", reject)
    call.end(options.body)
  })

const oddText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("", "..", "%00", "%E0%A4%A", "'; DROP TABLE users; --", "__proto__", "constructor", "1e309", "-1", "NaN", "6281234567890", "a".repeat(300), "\u{1F600}")
)
const encoded = oddText.map((text) => text.startsWith("%") ? text : encodeURIComponent(text.toWellFormed()))
const oddJson = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.constantFrom("email", "username", "password", "phone", "message", "to", "text", "deviceName", "deviceId", "userId", "proxyUrl", "refreshToken", "role", "isActive", "name", "scopes", "deviceIds", "expiresAt", "__proto__"),
    fc.oneof(fc.jsonValue(), oddText, fc.constantFrom<unknown>(6281234567890, "6281234567890", "halo", null, true, 1.5)),
    { maxKeys: 6 }
  )
)
const body = fc.oneof(
  { weight: 6, arbitrary: oddJson.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom("", "{", "null", "[]", "\u0000", `${"[".repeat(2000)}`, `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`) }
)
const query = fc.dictionary(
  fc.constantFrom("limit", "after", "before", "wait", "timeout", "search", "direction", "types", "deviceId", "lastEventId", "userId", "status", "token", "ticket", "page", "sort", "role", "target", "devices", "x[]"),
  encoded,
  { maxKeys: 4 }
).map((entries) => Object.entries(entries).map(([name, value]) => `${name}=${value}`).join("&"))

layer(httpLayer())("whatever is sent", (it) => {
  it.effect("is answered in the envelope and never with a fault of ours", () =>
    Effect.gen(function*() {
      const base = yield* baseUrl
      const admin = yield* makeUser("admin")
      const { deviceId } = yield* makeDevice(admin.user)
      const anything = fc.record({
        endpoint: fc.constantFrom(...endpoints.filter(({ path }) => path !== "/metrics")),
        method: fc.option(fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"), { freq: 6 }),
        device: fc.oneof(fc.constant(deviceId), encoded),
        jid: encoded,
        query,
        body,
        type: fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", "multipart/form-data", ""),
        header: fc.constantFrom({}, { "idempotency-key": "k" }, { "idempotency-key": "" }, { "last-event-id": "x" }, { authorization: "Basic x" }, { authorization: "", "x-api-key": "wak_x" }, { "x-forwarded-for": "%%" })
      })
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(anything, async (sent) => {
            const path = sent.endpoint.path.replace(":deviceId", sent.device).replaceAll(/:\w+/g, () => sent.jid)
            const answer = await send(base, {
              method: sent.method ?? sent.endpoint.method,
              path: `${path}${sent.query === "" ? "" : `?${sent.query}`}`,
              headers: {
                authorization: `Bearer ${admin.token}`,
                ...(sent.type !== "" && { "content-type": sent.type }),
                "content-length": String(Buffer.byteLength(sent.body)),
                ...sent.header
              },
              body: sent.body
            })
            expect(answer.status).toBeLessThan(500)
            if (answer.status === 204 || answer.type.startsWith("text/event-stream")) return
            const json = JSON.parse(answer.text)
            if (sent.endpoint.path.includes("health") && answer.status === 200) return
            expect(json.success).toBe(answer.status < 400)
            if (answer.status >= 400) {
              expect(json).toEqual({ success: false, message: expect.stringMatching(/\S/), error: expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/) }) })
            }
          }),
          { numRuns: 600, interruptAfterTimeLimit: 20_000 }
        )
      )
    }), 60_000)
})
