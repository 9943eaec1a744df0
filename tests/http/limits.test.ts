import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, HashMap, Layer, Logger, TestClock } from "effect"
import { subnet } from "../../src/http/edge/ClientAddress.ts"
import { api, ask, httpLayer, makeUser } from "../support/http.ts"

const from = (address: string) => ({ "x-forwarded-for": `9.9.9.9, ${address}` })
const list = (token: string) => Effect.map(ask("GET", `${api}/devices`, { token, headers: from("10.0.0.3") }), ({ status }) => status)
const profileFrom = (origin: string, method = "GET") =>
  ask(method, "/api/auth/profile", {
    headers: { origin, ...(method === "OPTIONS" && { "access-control-request-method": "PUT" }) }
  })
const idFor = (given: string) =>
  Effect.map(ask("GET", "/api/health", { headers: { "x-request-id": given } }), ({ headers }) => headers.get("x-request-id"))

layer(httpLayer({ RATE_LIMIT: "on", RATE_LIMIT_MAX: "3", RATE_LIMIT_TOKEN_MAX: "5", RATE_LIMIT_WINDOW: "40s", TRUST_PROXY: "1" }))("the rate limit", (it) => {
  it.effect("counts by address without a token, and tells how much is left", () =>
    Effect.gen(function*() {
      const call = ask("GET", "/api/nothing", { headers: from("10.0.0.1") })
      const first = yield* call
      expect(["limit", "remaining", "reset"].map((name) => first.headers.get(`ratelimit-${name}`))).toEqual(["3", "2", "40"])
      yield* Effect.repeatN(call, 1)
      const refused = yield* call
      expect([refused.status, refused.json.error]).toEqual([429, { code: "RATE_LIMITED", details: { retryAfterSeconds: 40 } }])
      expect(refused.headers.get("retry-after")).toBe("40")
      expect(refused.headers.get("ratelimit-remaining")).toBe("0")
      expect((yield* ask("GET", "/api/nothing", { headers: from("10.0.0.2") })).status).toBe(404)
      expect((yield* ask("GET", "/api/nothing", { token: "a.b.c", headers: from("10.0.0.1") })).status).toBe(429)
      expect((yield* ask("GET", "/api/health", { headers: from("10.0.0.1") })).status).toBe(200)
      yield* TestClock.adjust("40 seconds")
      expect((yield* call).status).toBe(404)
    }))

  it.effect("counts by token where there is a valid one", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const other = yield* makeUser("user")
      const statuses = yield* Effect.replicateEffect(list(token), 6)
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
      expect(yield* list(other.token)).toBe(200)
      yield* TestClock.adjust("1 minute")
      expect(yield* list(token)).toBe(200)
    }))
})

layer(httpLayer({ RATE_LIMIT: "on", RATE_LIMIT_MAX: "3", TRUST_PROXY: "1" }))("logging in", (it) => {
  it.effect("counts by address with a token too: it buys no further attempts", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const attempt = ask("POST", "/api/auth/login", { token, headers: from("10.0.0.4"), body: { email: "x@example.com" } })
      const statuses = yield* Effect.replicateEffect(Effect.map(attempt, ({ status }) => status), 4)
      expect(statuses).toEqual([400, 400, 400, 429])
    }))
})

layer(httpLayer({ RATE_LIMIT: "on", RATE_LIMIT_MAX: "2" }))("without a trusted proxy", (it) => {
  it.effect("nobody gets around the limit by naming another address, nor claims TLS", () =>
    Effect.gen(function*() {
      const statuses = yield* Effect.forEach(["1.1.1.1", "2.2.2.2", "3.3.3.3"], (address) =>
        Effect.map(ask("GET", "/api/nothing", { headers: { "x-forwarded-for": address } }), ({ status }) => status))
      expect(statuses).toEqual([404, 404, 429])
      const { headers } = yield* ask("GET", "/api/health", { headers: { "x-forwarded-proto": "https" } })
      expect(headers.get("strict-transport-security")).toBeNull()
    }))
})

describe("addresses", () => {
  it("IPv6 counts by its /64, IPv4 in IPv6 as itself", () => {
    expect(subnet("2001:db8:1:2:3:4:5:6")).toBe(subnet("2001:0db8:1:2::9"))
    expect(subnet("2001:db8:1:3::1")).not.toBe(subnet("2001:db8:1:2::1"))
    expect(subnet("::ffff:10.0.0.1")).toBe("10.0.0.1")
    expect(subnet("::1")).toBe("0:0:0:0::/64")
  })
})

const lines: Array<{ readonly message: unknown; readonly annotations: Record<string, unknown> }> = []
const recorded = Logger.replace(
  Logger.defaultLogger,
  Logger.make(({ annotations, message }) => {
    lines.push({ message, annotations: Object.fromEntries(HashMap.toEntries(annotations)) })
  })
)

layer(httpLayer({ TRUST_PROXY: "on", FRONTEND_URL: "https://app.example.com, https://admin.example.com/" }).pipe(Layer.provideMerge(recorded)))(
  "every answer",
  (it) => {
    it.effect("has the headers that keep browsers out of trouble", () =>
      Effect.gen(function*() {
        for (const path of ["/api/health", "/api/nothing", "/api/auth/profile"]) {
          const { headers } = yield* ask("GET", path, { headers: { "x-forwarded-proto": "https" } })
          expect(headers.get("x-content-type-options")).toBe("nosniff")
          expect(headers.get("referrer-policy")).toBe("no-referrer")
          expect(headers.get("x-frame-options")).toBe("DENY")
          expect(headers.get("content-security-policy")).toContain("default-src 'none'")
          expect(headers.get("cache-control")).toBe("no-store")
          expect(headers.get("strict-transport-security")).toContain("max-age=")
        }
      }))

    it.effect("may be read by the pages of FRONTEND_URL and by no others", () =>
      Effect.gen(function*() {
        expect((yield* profileFrom("https://admin.example.com")).headers.get("access-control-allow-origin")).toBe("https://admin.example.com")
        const foreign = yield* profileFrom("https://evil.example.com")
        expect(foreign.headers.get("access-control-allow-origin")).toBeNull()
        expect(foreign.headers.get("vary")).toBe("Origin")
        const preflight = yield* profileFrom("https://app.example.com", "OPTIONS")
        expect(preflight.status).toBe(204)
        expect(preflight.headers.get("access-control-allow-headers")).toContain("Idempotency-Key")
        expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT")
      }))

    it.effect("carries the request's id, the caller's if it is harmless", () =>
      Effect.gen(function*() {
        expect(yield* idFor("order-7.1:a_b")).toBe("order-7.1:a_b")
        expect(yield* idFor("a b<script>")).toMatch(/^[0-9a-f-]{36}$/)
        expect(yield* idFor("x".repeat(129))).toMatch(/^[0-9a-f-]{36}$/)
      }))

    it.effect("is one line in the log, without query, token or body", () =>
      Effect.gen(function*() {
        lines.length = 0
        yield* ask("POST", "/api/auth/login?token=tok-in-query", {
          body: { email: "a@example.com", password: "pass-in-body" },
          token: "tok.in.header",
          headers: { "x-request-id": "req-1" }
        })
        const access = lines.filter(({ annotations }) => "path" in annotations)
        expect(access).toHaveLength(1)
        expect(access[0]!.annotations).toEqual({ requestId: "req-1", method: "POST", path: "/api/auth/login", status: 401, ms: expect.any(Number) })
        expect(JSON.stringify(lines)).not.toMatch(/tok-in-query|tok\.in\.header|pass-in-body/)
        lines.length = 0
        for (const path of ["/api/health", "/health/live", "/health/ready", "/metrics"]) yield* ask("GET", path)
        expect(lines).toEqual([])
      }))
  }
)
