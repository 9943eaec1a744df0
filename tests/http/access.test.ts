import { HttpApi } from "@effect/platform"
import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Api } from "../../src/http/Api.ts"
import { access } from "../../src/http/auth/Access.ts"
import { Users } from "../../src/sql/Users.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const endpoints: Array<{ readonly method: string; readonly path: string }> = []
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint }) => void endpoints.push({ method: endpoint.method, path: endpoint.path })
})

/** Roles as the user's documents give them. */
const agreed: ReadonlyArray<readonly [string, string]> = [
  ["POST /api/auth/register", "public"], ["POST /api/auth/login", "public"], ["POST /api/auth/refresh-token", "public"],
  ["GET /api/auth/profile", "user"], ["PUT /api/auth/profile", "user"], ["GET /api/events", "user"], ["GET /api/health", "public"],
  ...([
    ["POST /devices", "admin"], ["GET /devices", "user"], ["GET /devices/connected", "user"], ["GET /devices/connected/detail", "user"],
    ["GET /devices/:deviceId", "user"], ["GET /devices/:deviceId/status", "user"], ["POST /devices/:deviceId/connect", "user"],
    ["DELETE /devices/:deviceId/disconnect", "user"], ["DELETE /devices/:deviceId", "admin"],
    ["POST /devices/:deviceId/cancel-and-wipe", "admin"], ["DELETE /devices/:deviceId/session", "admin"],
    ["GET /devices/:deviceId/qr", "user"], ["GET /devices/:deviceId/qr-image", "user"], ["GET /devices/:deviceId/qr-base64", "user"],
    ["POST /devices/:deviceId/pairing-code", "admin"], ["POST /devices/:deviceId/send-message", "user"],
    ["GET /devices/:deviceId/contacts", "user"], ["GET /devices/:deviceId/chat-history/:jid", "user"],
    ["GET /devices/:deviceId/group-chat-history/:groupId", "user"], ["GET /devices/:deviceId/daily-chat-list", "user"],
    ["GET /devices/:deviceId/statistics", "admin"], ["GET /devices/:deviceId/statistics/daily", "admin"]
  ] as const).map(([key, role]) => [key.replace(" ", ` ${api}`), role] as const)
]

/** What it takes for the call to be more than refused: a body that is valid. */
const bodies: Readonly<Record<string, unknown>> = {
  "PUT /api/auth/profile": { fullName: "Somebody" },
  [`POST ${api}/devices`]: { deviceName: "Kasir" },
  [`POST ${api}/devices/:deviceId/pairing-code`]: { phone: "6281234567890" },
  [`POST ${api}/devices/:deviceId/send-message`]: { phone: "6281234567890", message: "halo" }
}

describe("the access table", () => {
  it("is the one that was agreed on", () => {
    for (const [key, role] of agreed) if (key in access) expect([key, access[key]]).toEqual([key, role])
    expect(agreed.filter(([key]) => key in access)).toHaveLength(29)
  })

  it("names every endpoint of the contract and no other", () => {
    expect(Object.keys(access).toSorted()).toEqual(endpoints.map(({ method, path }) => `${method} ${path}`).toSorted())
  })
})

const ids = (query: string, token: string) =>
  Effect.map(ask("GET", `${api}/devices${query}`, { token }), ({ json }) => json.data.map((d: { deviceId: string }) => d.deviceId))

layer(httpLayer())("access", (it) => {
  const guarded = endpoints.filter(({ method, path }) => access[`${method} ${path}`] !== "public")

  it.effect.each(guarded)("$method $path", ({ method, path }) =>
    Effect.gen(function*() {
      const owner = yield* makeUser("user")
      const stranger = yield* makeUser("user")
      const admin = yield* makeUser("admin")
      const { deviceId } = yield* makeDevice(owner.user)
      const key = `${method} ${path}`
      const url = (id: string) => path.replace(":deviceId", id).replace(":jid", "6281234567890").replace(":groupId", "120363000000000001")
      const call = (token: string | undefined, id: string = deviceId) =>
        key === "GET /api/events" && token !== undefined
          ? ask(method, `${url(id)}?lastEventId=x`, { token })
          : ask(method, url(id), { token, body: bodies[key] })
      const outcome = (token: string | undefined, id?: string) =>
        Effect.map(call(token, id), ({ json, status }) => [status, json?.error?.code])
      /** Past the guard: whatever the endpoint then has to say. */
      const passes = (token: string) =>
        Effect.map(outcome(token), ([status]) => expect([200, 201, 202, 400, 409]).toContain(status))

      expect(yield* outcome(undefined)).toEqual([401, "UNAUTHORIZED"])
      expect(yield* outcome("a.b.c")).toEqual([401, "UNAUTHORIZED"])
      if (access[key] === "admin") {
        expect(yield* outcome(owner.token)).toEqual([403, "FORBIDDEN"])
        expect(yield* outcome(stranger.token)).toEqual([403, "FORBIDDEN"])
      } else if (path.includes(":deviceId")) {
        const refused = yield* call(stranger.token)
        expect([refused.status, refused.json]).toEqual([403, { success: false, message: "Access denied", error: { code: "FORBIDDEN" } }])
        expect(yield* outcome(stranger.token, "no-such-device")).toEqual([404, "DEVICE_NOT_FOUND"])
        yield* passes(owner.token)
      } else {
        yield* passes(owner.token)
      }
      if (path.includes(":deviceId")) expect(yield* outcome(admin.token, "no-such-device")).toEqual([404, "DEVICE_NOT_FOUND"])
      yield* passes(admin.token)
    }))

  it.effect("a user sees his own devices only, an administrator all or one user's", () =>
    Effect.gen(function*() {
      const one = yield* makeUser("user")
      const two = yield* makeUser("user")
      const admin = yield* makeUser("admin")
      const mine = yield* makeDevice(one.user)
      const other = yield* makeDevice(two.user)
      expect(yield* ids("", one.token)).toEqual([mine.deviceId])
      expect(yield* ids("", admin.token)).toEqual(expect.arrayContaining([mine.deviceId, other.deviceId]))
      expect(yield* ids(`?userId=${two.user.id}`, admin.token)).toEqual([other.deviceId])
      expect((yield* ask("GET", `${api}/devices?userId=${two.user.id}`, { token: one.token })).status).toBe(403)
    }))

  it.effect("a role taken away and a deactivation count within seconds", () =>
    Effect.gen(function*() {
      const users = yield* Users
      const admin = yield* makeUser("admin")
      const create = ask("POST", `${api}/devices`, { token: admin.token, body: { deviceName: "Kasir" } })
      expect((yield* create).status).toBe(201)
      yield* users.update(admin.user.id, { role: "user" })
      yield* TestClock.adjust("6 seconds")
      expect((yield* create).status).toBe(403)
      yield* users.update(admin.user.id, { isActive: false })
      yield* TestClock.adjust("6 seconds")
      const refused = yield* create
      expect([refused.status, refused.json.error.details]).toEqual([401, { reason: "inactive" }])
    }))
})
