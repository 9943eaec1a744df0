import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const from = { "x-forwarded-for": "203.0.113.7", "user-agent": "kasir/1.0" }
const entries = (token: string, query = "") => Effect.map(ask("GET", `/api/admin/audit?${query}`, { token }), ({ json }) => json.data)

layer(httpLayer({ TRUST_PROXY: "1" }))("the audit log", (it) => {
  it.effect("knows who logged in from where, who did not, and whose refresh token was shown twice", () =>
    Effect.gen(function*() {
      const admin = yield* makeUser("admin")
      const body = { username: "siti", email: "siti@example.com", password: "rahasia-sekali" }
      yield* ask("POST", "/api/auth/register", { body, headers: from })
      yield* ask("POST", "/api/auth/login", { body: { email: body.email, password: "hunter2hunter2" }, headers: from })
      yield* ask("POST", "/api/auth/login", { body: { email: "my-secret-password", password: "x" }, headers: from })
      const { json } = yield* ask("POST", "/api/auth/login", { body: { email: body.email, password: body.password }, headers: from })
      const { id } = json.data.user
      const refresh = ask("POST", "/api/auth/refresh-token", { body: { refreshToken: json.data.refreshToken }, headers: from })
      yield* Effect.replicateEffect(refresh, 2)
      const { items } = yield* entries(admin.token)
      const origin = { address: "203.0.113.7", userAgent: "kasir/1.0" }
      const target = { type: "user", id: String(id) }
      expect(items).toMatchObject([
        { action: "token.reuse", result: "failure", userId: null, target, ...origin },
        { action: "login", result: "success", userId: id, username: "siti", target, ...origin },
        { action: "login", result: "failure", userId: null, target: null, details: { reason: "unknown user" } },
        { action: "login", result: "failure", userId: null, target, details: { reason: "wrong password" } },
        { action: "user.register", result: "success", userId: id, target }
      ])
      expect(JSON.stringify(items)).not.toMatch(/hunter2|my-secret-password|rahasia|eyJ/)
    }))

  it.effect("knows what happened to users, keys and devices, and by which key", () =>
    Effect.gen(function*() {
      const admin = yield* makeUser("admin")
      const { user } = yield* makeUser("user")
      const { token } = admin
      yield* ask("PUT", `/api/admin/users/${user.id}`, { token, body: { role: "admin", password: "another-password" } })
      const key = yield* ask("POST", "/api/api-keys", { token, body: { name: "machine", scopes: ["manage"] } })
      const device = yield* ask("POST", `${api}/devices`, { token: key.json.data.key, body: { deviceName: "Kasir" } })
      const { deviceId } = device.json.data
      const messages = [{ to: "6281277770001", message: "halo" }]
      const job = yield* ask("POST", `${api}/devices/${deviceId}/jobs/send-text`, { token, body: { messages } })
      const { jobId } = job.json.data
      yield* ask("POST", `${api}/jobs/${jobId}/pause`, { token })
      yield* ask("POST", `/api/admin/jobs/${jobId}/cancel`, { token })
      expect((yield* ask("POST", `${api}/jobs/${jobId}/resume`, { token })).status).toBe(409)
      yield* ask("POST", `${api}/devices/${deviceId}/cancel-and-wipe`, { token })
      yield* ask("DELETE", `${api}/devices/${deviceId}`, { token })
      yield* ask("DELETE", `/api/api-keys/${key.json.data.apiKey.id}`, { token })
      yield* ask("DELETE", `/api/admin/users/${user.id}`, { token })
      const all = yield* entries(token, `userId=${admin.user.id}`)
      expect(all.items.map(({ action }: { action: string }) => action)).toEqual([
        "user.delete", "api-key.revoke", "device.delete", "device.wipe", "job.resume", "job.cancel", "job.pause", "job.create", "device.create",
        "api-key.create", "user.update"
      ])
      const ofJob = yield* entries(token, `target=job:${jobId}`)
      expect(ofJob.items.map(({ action, result }: { action: string; result: string }) => [action, result])).toEqual([
        ["job.resume", "failure"], ["job.cancel", "success"], ["job.pause", "success"], ["job.create", "success"]
      ])
      expect(all.items[8]).toMatchObject({ apiKey: key.json.data.apiKey.prefix, target: { type: "device", id: deviceId } })
      expect(all.items[10].details).toEqual({ fields: ["role", "password"], role: "admin" })
      expect(JSON.stringify(all)).not.toContain("another-password")
      const one = yield* entries(token, `target=device:${deviceId}&action=device.wipe`)
      expect(one.items).toHaveLength(1)
      const first = yield* entries(token, `userId=${admin.user.id}&limit=3`)
      const rest = yield* entries(token, `userId=${admin.user.id}&limit=100&before=${first.nextCursor}`)
      expect([...first.items, ...rest.items]).toEqual(all.items)
      expect([first.hasMore, rest.hasMore]).toEqual([true, false])
      expect((yield* ask("GET", "/api/admin/audit?target=x", { token })).json.error.details[0].field).toBe("target")
    }))

  it.effect("knows who connected, disconnected and scheduled what, on old paths too, and who wants no more messages", () =>
    Effect.gen(function*() {
      const admin = yield* makeUser("admin")
      const { token, user } = yield* makeUser("user")
      for (const act of ["connect", "disconnect"]) yield* ask("POST", `/api/whatsapp/${act}`, { token })
      const deviceId = `device-${user.id}-first`
      yield* ask("POST", `${api}/devices/${deviceId}/pairing-code`, { token: admin.token, body: { phone: "6281277770002" } })
      yield* ask("POST", `${api}/devices/${deviceId}/connect`, { token: admin.token })
      yield* ask("DELETE", `${api}/devices/${deviceId}/disconnect`, { token: admin.token })
      const body = { phone: "6281277770001", message: "kabar rahasia", cron: "0 9 * * *" }
      const scheduled = () => ask("POST", `${api}/devices/${deviceId}/schedule-message`, { token, body, headers: { "idempotency-key": "one" } })
      const { scheduleId } = (yield* scheduled()).json.data
      // said once more, and not done once more
      expect((yield* scheduled()).json.data.scheduleId).toBe(scheduleId)
      yield* ask("PUT", `${api}/devices/${deviceId}/schedules/${scheduleId}`, { token, body: { ...body, cron: "0 10 * * *" } })
      yield* ask("DELETE", `${api}/devices/${deviceId}/schedules/${scheduleId}`, { token })
      yield* ask("POST", `${api}/opt-outs`, { token, body: { phones: ["6281277770001"] } })
      yield* ask("DELETE", `${api}/opt-outs/6281277770001`, { token })
      const seen = Effect.map(entries(admin.token, "limit=100"), ({ items }) =>
        items.map(({ action, username }: { action: string; username: string }) => `${username === user.username ? "owner" : "admin"} ${action}`))
      const after = (yield* seen).filter((entry: string) => /device|schedule|opt-out/.test(entry))
      expect(after.slice(0, 11)).toEqual([
        "owner opt-out.remove", "owner opt-out.add", "owner schedule.cancel", "owner schedule.change", "owner schedule.create",
        "admin device.disconnect", "admin device.connect", "admin device.pair", "owner device.disconnect", "owner device.connect",
        "owner device.create"
      ])
      expect(JSON.stringify(yield* entries(admin.token, "limit=100"))).not.toContain("kabar rahasia")
    }))

  it.effect("a change that cannot be written down does not happen", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const admin = yield* makeUser("admin")
      const { user } = yield* makeUser("user")
      const device = yield* makeDevice(user)
      yield* sql`ALTER TABLE audit_log RENAME TO audit_log_gone`
      const answers = yield* Effect.all([
        ask("DELETE", `/api/admin/users/${user.id}?devices=transfer:${admin.user.id}`, { token: admin.token }),
        ask("PUT", `/api/admin/users/${user.id}`, { token: admin.token, body: { role: "admin" } }),
        ask("POST", "/api/api-keys", { token: admin.token, body: { name: "machine", scopes: ["read"] } })
      ])
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503])
      yield* sql`ALTER TABLE audit_log_gone RENAME TO audit_log`
      const { json } = yield* ask("GET", `/api/admin/users/${user.id}`, { token: admin.token })
      expect(json.data).toMatchObject({ user: { role: "user" }, deviceIds: [device.deviceId] })
      expect((yield* ask("GET", "/api/api-keys", { token: admin.token })).json.data.items).toEqual([])
    }))
})
