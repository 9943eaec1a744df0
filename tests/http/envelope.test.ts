import { describe, expect, it, layer } from "@effect/vitest"
import { Cause, Effect, Option, Ref } from "effect"
import { connect } from "node:net"
import { DeviceBusy } from "../../src/domain/Device.ts"
import { StorageUnavailable } from "../../src/domain/Storage.ts"
import { codeOf } from "../../src/http/Envelope.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser, Stage } from "../support/http.ts"

describe("codeOf", () => {
  it("puts underscores between words", () => {
    expect(codeOf("DeviceNotFound")).toBe("DEVICE_NOT_FOUND")
    expect(codeOf("InvalidJson")).toBe("INVALID_JSON")
  })
})

layer(httpLayer({ BODY_LIMIT: "2000" }))("failures", (it) => {
  it.effect("an unknown path is 404, a known path with another method 405", () =>
    Effect.gen(function*() {
      const missing = yield* ask("GET", "/api/nothing")
      expect(missing.status).toBe(404)
      expect(missing.json).toEqual({ success: false, message: expect.any(String), error: { code: "NOT_FOUND" } })
      const method = yield* ask("DELETE", "/api/auth/profile")
      expect(method.status).toBe(405)
      expect(method.json.error).toEqual({ code: "METHOD_NOT_ALLOWED", details: { allow: ["GET", "PUT", "HEAD", "OPTIONS"] } })
      expect(method.headers.get("allow")).toBe("GET, PUT, HEAD, OPTIONS")
      const options = yield* ask("OPTIONS", "/api/auth/profile")
      expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, PUT, HEAD, OPTIONS"])
      expect((yield* ask("OPTIONS", "/api/nothing")).status).toBe(404)
    }))

  it.effect("names each wrong field and repeats nothing that was sent", () =>
    Effect.gen(function*() {
      const { json, status, text } = yield* ask("POST", "/api/auth/register", {
        body: { username: "x", email: "nobody", password: "hunter2", fullNam: "s3cret-value" }
      })
      expect(status).toBe(400)
      expect(json.success).toBe(false)
      expect(json.error.code).toBe("VALIDATION_ERROR")
      expect(json.error.details.map(({ field }: { field: string }) => field).toSorted()).toEqual([
        "email", "fullNam", "password", "username"
      ])
      expect(json.message).toContain("username")
      expect(text).not.toMatch(/hunter2|nobody|s3cret/)
    }))

  it.effect("a wrong type in place of a secret is not repeated either", () =>
    Effect.gen(function*() {
      const { json, text } = yield* ask("POST", "/api/auth/login", { body: { email: "a@b.c", password: { deep: "hunter2" } } })
      expect(json.error.code).toBe("VALIDATION_ERROR")
      expect(text).not.toContain("hunter2")
      const array = yield* ask("POST", "/api/auth/login", { body: ["hunter2"] })
      expect(array.json.error.details[0].field).toBe("body")
      expect(array.text).not.toContain("hunter2")
    }))

  it.effect("names fields of path, query and headers", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("admin")
      const { deviceId } = yield* makeDevice(user)
      const fieldsOf = (method: string, path: string, options: object = {}) =>
        Effect.map(ask(method, path, { token, ...options }), ({ json, status }) => [status, json.error.details.map((d: { field: string }) => d.field)])
      expect(yield* fieldsOf("GET", `${api}/devices/not%20an%20id`)).toEqual([400, ["deviceId"]])
      expect(yield* fieldsOf("GET", `${api}/devices/${deviceId}/contacts?limit=5000`)).toEqual([400, ["limit"]])
      expect(yield* fieldsOf("GET", `${api}/devices/${deviceId}/chat-history/nobody`)).toEqual([400, ["jid"]])
      expect(
        yield* fieldsOf("POST", `${api}/devices/${deviceId}/send-message`, {
          body: { phone: "6281234567890", message: "x" },
          headers: { "idempotency-key": "a b" }
        })
      ).toEqual([400, ["idempotency-key"]])
    }))

  it.effect("tells malformed JSON, broken UTF-8 and other content types apart", () =>
    Effect.gen(function*() {
      const malformed = yield* ask("POST", "/api/auth/login", { body: "{\"email\":" })
      expect([malformed.status, malformed.json.error.code]).toEqual([400, "INVALID_JSON"])
      const form = yield* ask("POST", "/api/auth/login", {
        body: "email=a",
        headers: { "content-type": "application/x-www-form-urlencoded" }
      })
      expect([form.status, form.json.error.code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"])
      for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/octet-stream", "application/jsonp"]) {
        expect((yield* ask("POST", "/api/auth/login", { body: "{}", headers: { "content-type": type } })).status).toBe(415)
      }
      const empty = yield* ask("POST", "/api/auth/login", { body: "" })
      expect([empty.status, empty.json.error.details[0].field]).toEqual([400, "body"])
    }))

  it.effect("a body over the limit is 413, with and without a length", () =>
    Effect.gen(function*() {
      const long = JSON.stringify({ email: "a@b.c", password: "x".repeat(3000) })
      const announced = yield* ask("POST", "/api/auth/login", { body: long })
      expect([announced.status, announced.json.error]).toEqual([413, { code: "PAYLOAD_TOO_LARGE", details: { limitBytes: 2000 } }])
      const base = yield* baseUrl
      const chunked = yield* Effect.promise(() =>
        fetch(`${base}/api/auth/login`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: new Blob([long]).stream(),
          duplex: "half"
        } as RequestInit)
      )
      expect(chunked.status).toBe(413)
      expect(yield* Effect.promise(() => chunked.json())).toMatchObject({ error: { code: "PAYLOAD_TOO_LARGE" } })
    }))

  it.effect("a defect is 500 with the request's id and nothing else", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const { trouble } = yield* Stage
      yield* Ref.set(trouble, Option.some(Cause.die(new Error("the secret plan failed"))))
      const { json, status, text } = yield* ask("POST", `${api}/devices/${deviceId}/connect`, {
        token,
        headers: { "x-request-id": "req-7" }
      })
      expect(status).toBe(500)
      expect(json.error).toEqual({ code: "INTERNAL_ERROR", details: { requestId: "req-7" } })
      expect(text).not.toMatch(/secret plan|at .*\.ts/)
    }))

  it.effect("an absent database or a busy device is 503 with Retry-After, without its cause", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const { trouble } = yield* Stage
      for (const fault of [new StorageUnavailable({ cause: new Error("ECONNREFUSED 10.0.0.5") }), new DeviceBusy({ deviceId })]) {
        yield* Ref.set(trouble, Option.some(Cause.fail(fault)))
        const { headers, json, status, text } = yield* ask("POST", `${api}/devices/${deviceId}/connect`, { token })
        expect([status, json.error.code]).toEqual([503, codeOf(fault._tag)])
        expect(headers.get("retry-after")).toBe("5")
        expect(text).not.toContain("10.0.0.5")
      }
    }))

  it.effect("what is not HTTP gets the envelope and a closed connection", () =>
    Effect.gen(function*() {
      const { port } = new URL(yield* baseUrl)
      const answer = yield* Effect.async<string>((resume) => {
        const socket = connect(Number(port), "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"))
        let text = ""
        socket.on("data", (chunk) => void (text += chunk)).on("close", () => resume(Effect.succeed(text)))
      })
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(JSON.parse(answer.split("\r\n\r\n")[1]!)).toMatchObject({ success: false, error: { code: "BAD_REQUEST" } })
    }))
})
