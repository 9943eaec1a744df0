import { expect, layer } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Shutdown } from "../../src/http/Shutdown.ts"
import { ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

layer(httpLayer())("without its database", (it) => {
  it.effect("the service lives, but is not ready, and says so", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      // SQLite has one connection: whoever holds it keeps all others waiting
      const held = yield* Effect.fork(sql.withTransaction(Effect.never))
      const ready = yield* Effect.fork(ask("GET", "/health/ready"))
      yield* TestClock.adjust("1 second").pipe(
        Effect.zipRight(Effect.promise(() => new Promise(setImmediate))),
        Effect.zipRight(Fiber.poll(ready)),
        Effect.repeat({ until: Option.isSome })
      )
      const { json, status } = yield* ready
      expect([status, json.status, json.checks]).toEqual([503, "unavailable", { database: "unavailable", draining: false }])
      expect((yield* ask("GET", "/health/live")).status).toBe(200)
      yield* Fiber.interrupt(held)
      expect((yield* ask("GET", "/health/ready")).status).toBe(200)
    }))
})

layer(httpLayer())("health", (it) => {
  it.effect("says that the service runs, in the shape old monitors know", () =>
    Effect.gen(function*() {
      const { json, status } = yield* ask("GET", "/api/health")
      expect(status).toBe(200)
      expect(json).toEqual({
        status: "OK",
        message: "WhatsApp Service Backend is running",
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/)
      })
      expect((yield* ask("GET", "/health/live")).json.status).toBe("live")
      expect((yield* ask("HEAD", "/api/health")).status).toBe(200)
    }))

  it.effect("gives figures as Prometheus reads them", () =>
    Effect.gen(function*() {
      const { user } = yield* makeUser("user")
      yield* makeDevice(user)
      yield* ask("GET", "/api/health")
      const { headers, text } = yield* ask("GET", "/metrics")
      expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(text).toContain(`whatsapp_devices{status="disconnected"} 1\n`)
      expect(text).toContain(`whatsapp_devices{status="connected"} 0\n`)
      expect(text).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m)
      expect(text).toMatch(/^nodejs_eventloop_delay_p99_seconds [\d.e-]+$/m)
      expect(text).toMatch(/http_request_duration_seconds_bucket\{.*route="\/api\/health".*le="\+Inf"\} [1-9]/)
      for (const line of text.trimEnd().split("\n")) {
        expect(line).toMatch(/^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{([a-z_0-9]+="[^"]*",?)+\})? (NaN|[+-]?Inf|[\d.e+-]+))$/)
      }
    }))

  it.effect("documents itself without the internet", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      expect(json.openapi).toBe("3.1.0")
      const send = json.paths["/api/whatsapp-multi-device/devices/{deviceId}/send-message"].post
      expect(Object.keys(send.responses)).toEqual(expect.arrayContaining(["200", "202", "400", "401", "403", "404", "422", "429"]))
      expect(send.requestBody.content["application/json"].schema.required).toEqual(["phone", "message"])
      expect(send.security).toEqual([{ bearer: [] }, { apiKey: [] }])
      expect(json.paths["/api/auth/login"].post.security).toEqual([])
      expect(JSON.stringify(json.components.schemas.DeviceNotFoundAnswer)).toContain("DEVICE_NOT_FOUND")
      const docs = yield* ask("GET", "/docs")
      expect(docs.status).toBe(200)
      expect(docs.text).not.toMatch(/<(script|link)[^>]+(src|href)=["']?https?:/)
      const policy = docs.headers.get("content-security-policy")
      expect(policy).toContain("connect-src 'self'")
      // without it the page stays empty: its script compiles WebAssembly
      if (docs.text.includes("WebAssembly.instantiate")) expect(policy).toContain("'wasm-unsafe-eval'")
    }))

  it.effect("is not ready while it drains", () =>
    Effect.gen(function*() {
      const ready = yield* ask("GET", "/health/ready")
      expect(ready.status).toBe(200)
      expect(ready.json).toMatchObject({ status: "ready", checks: { database: "ok", draining: false } })
      yield* Effect.flatMap(Shutdown, ({ begin }) => begin)
      const draining = yield* ask("GET", "/health/ready")
      expect(draining.status).toBe(503)
      expect(draining.json).toMatchObject({ status: "unavailable", checks: { database: "ok", draining: true } })
    }))
})
