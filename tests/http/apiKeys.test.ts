import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import { isSecretOf, newApiKeySecret, readApiKey } from "../../src/http/auth/ApiKeySecret.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const create = (token: string, body: object) => ask("POST", "/api/api-keys", { token, body })
const reader = { name: "Kasir", scopes: ["read"] }
const list = (key: string) => Effect.map(ask("GET", `${api}/devices`, { headers: { "x-api-key": key } }), ({ json, status }) => [status, json.error?.details?.reason])

layer(httpLayer())("API keys", (it) => {
  it.effect("are shown once, and nothing of the secret is kept", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { token } = yield* makeUser("user")
      const { json, status } = yield* create(token, { ...reader, scopes: ["read", "send", "read"] })
      expect(status).toBe(201)
      expect(json.data.key).toMatch(/^wak_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}$/)
      expect(json.data.apiKey).toMatchObject({ name: "Kasir", scopes: ["read", "send"], devices: null, expiresAt: null, lastUsedAt: null, revokedAt: null })
      const secret = readApiKey(json.data.key)!
      expect(secret.prefix).toBe(json.data.apiKey.prefix)
      const stored = JSON.stringify([yield* sql`SELECT * FROM api_keys`, yield* sql`SELECT * FROM audit_log`])
      expect(stored).not.toContain(secret.secret)
      const listed = yield* ask("GET", "/api/api-keys", { token })
      expect(listed.json.data.items).toEqual([json.data.apiKey])
      expect(listed.text).not.toMatch(/hash/i)
    }))

  it.effect("say what is wrong with a wish for one", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const stranger = yield* makeUser("user")
      const foreign = yield* makeDevice(stranger.user)
      const own = yield* makeDevice(user)
      const fieldOf = (body: object) => Effect.map(create(token, body), ({ json, status }) => [status, json.error.details?.[0]?.field ?? json.error.code])
      expect(yield* fieldOf({ ...reader, name: " " })).toEqual([400, "name"])
      expect(yield* fieldOf({ ...reader, scopes: ["admin"] })).toEqual([400, "scopes.0"])
      expect(yield* fieldOf({ ...reader, scopes: [] })).toEqual([400, expect.stringContaining("scopes")])
      expect(yield* fieldOf({ ...reader, expiresAt: "1970-01-01T00:00:00Z" })).toEqual([400, "expiresAt"])
      expect(yield* fieldOf({ ...reader, deviceIds: ["no-such"] })).toEqual([404, "DEVICE_NOT_FOUND"])
      expect(yield* fieldOf({ ...reader, deviceIds: [foreign.deviceId] })).toEqual([403, "FORBIDDEN"])
      expect((yield* create(token, { ...reader, deviceIds: [own.deviceId] })).status).toBe(201)
    }))

  it.effect("end when they are revoked, expire, or their owner is deactivated", () =>
    Effect.gen(function*() {
      const users = yield* Users
      const { token, user } = yield* makeUser("user")
      const revoked = yield* create(token, reader)
      const { id } = revoked.json.data.apiKey
      expect(yield* list(revoked.json.data.key)).toEqual([200, undefined])
      const other = yield* makeUser("user")
      expect((yield* ask("DELETE", `/api/api-keys/${id}`, { token: other.token })).status).toBe(404)
      expect((yield* ask("DELETE", `/api/api-keys/${id}`, { token })).json.data.apiKey.revokedAt).not.toBeNull()
      expect(yield* list(revoked.json.data.key)).toEqual([401, "api_key"])

      const expiresAt = DateTime.formatIso(DateTime.add(yield* DateTime.now, { seconds: 30 }))
      const expiring = yield* create(token, { ...reader, expiresAt })
      expect(yield* list(expiring.json.data.key)).toEqual([200, undefined])
      yield* TestClock.adjust("31 seconds")
      expect(yield* list(expiring.json.data.key)).toEqual([401, "api_key"])

      const key: string = (yield* create(token, reader)).json.data.key
      expect(yield* list(key)).toEqual([200, undefined])
      yield* users.update(user.id, { isActive: false })
      yield* TestClock.adjust("6 seconds")
      expect(yield* list(key)).toEqual([401, "inactive"])
    }))

  it.effect("remember their last use, to the minute", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const key: string = (yield* create(token, reader)).json.data.key
      const lastUse = Effect.map(ask("GET", "/api/api-keys", { token }), ({ json }) => json.data.items[0].lastUsedAt as string | null)
      yield* list(key)
      const first = yield* lastUse
      expect(first).not.toBeNull()
      yield* TestClock.adjust("30 seconds")
      yield* list(key)
      expect(yield* lastUse).toBe(first)
      yield* TestClock.adjust("31 seconds")
      yield* list(key)
      expect(Date.parse((yield* lastUse)!) - Date.parse(first!)).toBe(61_000)
    }))

  it.effect("a bound key sees its devices alone, also in lists", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("admin")
      const one = yield* makeDevice(user)
      yield* makeDevice(user)
      const key: string = (yield* create(token, { ...reader, deviceIds: [one.deviceId] })).json.data.key
      const { json } = yield* ask("GET", `${api}/devices`, { token: key })
      expect(json.data.map((device: { deviceId: string }) => device.deviceId)).toEqual([one.deviceId])
    }))

  it("no two are alike, and none passes for another", () => {
    const made = Array.from({ length: 200 }, newApiKeySecret)
    expect(new Set(made.map(({ key }) => key)).size).toBe(200)
    for (const { key, secretHash } of made) {
      expect(isSecretOf(secretHash, readApiKey(key)!.secret)).toBe(true)
      expect(isSecretOf(made[0]!.secretHash, readApiKey(key)!.secret)).toBe(key === made[0]!.key)
    }
  })
})

layer(httpLayer({ RATE_LIMIT: "on", RATE_LIMIT_MAX: "1000", RATE_LIMIT_TOKEN_MAX: "3" }))("wrong and busy API keys", (it) => {
  it.effect("guessing is slowed down, and hurts nobody who has the right one", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const key: string = (yield* create(token, reader)).json.data.key
      const wrong = `${key.slice(0, -1)}${key.endsWith("x") ? "y" : "x"}`
      const statuses = yield* Effect.replicateEffect(Effect.map(list(wrong), ([status]) => status), 8)
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
      expect((yield* list(key))[0]).toBe(200)
    }))

  it.effect("are counted each for itself", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const keys = [(yield* create(token, reader)).json.data.key as string, (yield* create(token, reader)).json.data.key as string]
      const statuses = yield* Effect.replicateEffect(Effect.map(list(keys[0]!), ([status]) => status), 4)
      expect(statuses).toEqual([200, 200, 200, 429])
      expect((yield* list(keys[1]!))[0]).toBe(200)
    }))
})
