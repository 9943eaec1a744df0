import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { phoneJid } from "../../src/domain/Jid.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { ApiKeys } from "../../src/sql/accounts/ApiKeys.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { OptOuts } from "../../src/sql/contacts/OptOuts.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const users = "/api/admin/users"
const siti = { username: "siti", email: "siti@example.com", password: "rahasia-sekali" }
const login = (email: string, password: string) => ask("POST", "/api/auth/login", { body: { email, password } })
const refresh = (refreshToken: string) => ask("POST", "/api/auth/refresh-token", { body: { refreshToken } })

/** Somebody who has logged in. */
const member = (name: string) =>
  Effect.gen(function*() {
    const body = { ...siti, username: name, email: `${name}@example.com` }
    const made = yield* ask("POST", "/api/auth/register", { body })
    const { json } = yield* login(body.email, body.password)
    return { ...body, id: made.json.data.user.id as number, token: json.data.token as string, refreshToken: json.data.refreshToken as string }
  })
const profile = (token: string) => Effect.map(ask("GET", "/api/auth/profile", { token }), ({ status }) => status)
const codeOf = (method: string, id: number, token: string, body?: object) =>
  Effect.map(ask(method, `${users}/${id}`, { token, body }), ({ json, status }) => [status, json.error?.code])

layer(httpLayer({ REGISTRATION: "open" }))("administrators and users", (it) => {
  it.effect("are created, listed, found and sorted, a page at a time", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("admin", "root")
      const created = yield* ask("POST", users, { token, body: { ...siti, role: "admin", fullName: "Siti Rahma" } })
      expect([created.status, created.json.data.user.role]).toEqual([201, "admin"])
      expect(created.text).not.toMatch(/rahasia-sekali|argon2/)
      expect((yield* ask("POST", users, { token, body: siti })).json.error).toEqual({ code: "USER_EXISTS", details: { field: "username" } })
      for (const name of ["ani", "budi", "citra"]) yield* makeUser("user", name)
      const names = (query: string) =>
        Effect.map(ask("GET", `${users}?${query}`, { token }), ({ json }) => [json.data.items.map((user: { username: string }) => user.username), json.data.total])
      expect(yield* names("sort=username&limit=2")).toEqual([["ani", "budi"], 5])
      expect(yield* names("sort=username&limit=2&page=3")).toEqual([["siti"], 5])
      expect(yield* names("sort=username&order=desc&role=user")).toEqual([["citra", "budi", "ani"], 3])
      expect(yield* names("search=RAHMA")).toEqual([["siti"], 1])
      expect(yield* names("search=%25")).toEqual([[], 0])
      expect(yield* names("isActive=false")).toEqual([[], 0])
      const wrong = yield* ask("GET", `${users}?sort=password_hash`, { token })
      expect([wrong.status, wrong.json.error.details[0].field]).toEqual([400, "sort"])
      const one = yield* ask("GET", `${users}/${created.json.data.user.id}`, { token })
      expect(one.json.data).toMatchObject({ user: { username: "siti" }, deviceCount: 0, deviceIds: [] })
      expect((yield* ask("GET", `${users}/99999`, { token })).json.error.code).toBe("USER_NOT_FOUND")
      expect((yield* ask("GET", `${users}/x`, { token })).json.error.details[0].field).toBe("userId")
    }))

  it.effect("a deactivation, a new role and a new password end the logins at once; a new name does not", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("admin")
      const change = (id: number, body: object) => ask("PUT", `${users}/${id}`, { token, body })
      const dewi = yield* member("dewi")
      expect((yield* change(dewi.id, { fullName: "Dewi" })).json.data.user.fullName).toBe("Dewi")
      expect(yield* profile(dewi.token)).toBe(200)

      expect((yield* change(dewi.id, { password: "another-password" })).status).toBe(200)
      expect(yield* profile(dewi.token)).toBe(401)
      expect((yield* refresh(dewi.refreshToken)).status).toBe(401)
      expect((yield* login(dewi.email, dewi.password)).status).toBe(401)
      const again = yield* login(dewi.email, "another-password")
      expect(again.status).toBe(200)

      expect((yield* change(dewi.id, { role: "admin" })).json.data.user.role).toBe("admin")
      expect(yield* profile(again.json.data.token)).toBe(401)
      const asAdmin = yield* login(dewi.email, "another-password")
      expect(yield* profile(asAdmin.json.data.token)).toBe(200)

      expect((yield* change(dewi.id, { isActive: false })).json.data.user.isActive).toBe(false)
      expect(yield* profile(asAdmin.json.data.token)).toBe(401)
      expect((yield* login(dewi.email, "another-password")).json.error.details).toEqual({ reason: "inactive" })
      expect((yield* change(dewi.id, { isActive: true })).status).toBe(200)
      expect(yield* profile(asAdmin.json.data.token)).toBe(401)
    }))

  it.effect("nobody removes himself, and somebody who administers remains", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`DELETE FROM users`
      const one = yield* makeUser("admin")
      const two = yield* makeUser("admin")
      for (const body of [{ role: "user" }, { isActive: false }]) {
        expect(yield* codeOf("PUT", one.user.id, one.token, body)).toEqual([409, "OWN_ACCOUNT"])
      }
      expect(yield* codeOf("DELETE", one.user.id, one.token)).toEqual([409, "OWN_ACCOUNT"])
      expect(yield* codeOf("PUT", one.user.id, one.token, { role: "admin", fullName: "Me" })).toEqual([200, undefined])
      // each takes the other's rights at the same moment: one of them is left
      yield* Effect.all([
        codeOf("PUT", two.user.id, one.token, { role: "user" }),
        codeOf("PUT", one.user.id, two.token, { isActive: false })
      ], { concurrency: 2 })
      expect(yield* sql`SELECT id FROM users WHERE role = 'admin' AND is_active = 1`).toHaveLength(1)
    }))

  it.effect("deleting somebody who has devices asks what is to become of them", () =>
    Effect.gen(function*() {
      const repository = yield* Users
      const devices = yield* Devices
      const { token } = yield* makeUser("admin")
      const heir = yield* makeUser("user")
      const remove = (id: number, query = "") => ask("DELETE", `${users}/${id}${query}`, { token })

      const none = yield* makeUser("user")
      expect((yield* remove(none.user.id)).json.data).toMatchObject({ userId: none.user.id, deviceCount: 0, devices: "none" })
      expect(yield* profile(none.token)).toBe(401)

      const leaving = yield* makeUser("user")
      const device = yield* makeDevice(leaving.user)
      const asked = yield* remove(leaving.user.id)
      expect([asked.status, asked.json.error]).toEqual([
        409,
        { code: "USER_HAS_DEVICES", details: { userId: leaving.user.id, deviceCount: 1, deviceIds: [device.deviceId] } }
      ])
      expect((yield* remove(leaving.user.id, "?devices=whatever")).json.error.details[0].field).toBe("devices")
      expect((yield* remove(leaving.user.id, "?devices=transfer:99999")).json.error.code).toBe("USER_NOT_FOUND")
      const asleep = yield* makeUser("user")
      yield* repository.update(asleep.user.id, { isActive: false })
      for (const id of [leaving.user.id, asleep.user.id]) {
        const refused = yield* remove(leaving.user.id, `?devices=transfer:${id}`)
        expect([refused.status, refused.json.error]).toEqual([409, { code: "CANNOT_INHERIT", details: { userId: id } }])
      }
      expect((yield* repository.get(leaving.user.id)).id).toBe(leaving.user.id)
      const optOuts = yield* OptOuts
      const [asked1, asked2] = [phoneJid(PhoneNumber.make("6281200000071")), phoneJid(PhoneNumber.make("6281200000072"))]
      yield* optOuts.add(leaving.user.id, [asked1, asked2], "asked")
      yield* optOuts.add(heir.user.id, [asked1], "asked before")
      const list = JSON.stringify({ messages: [{ to: "6281200000071", message: "x" }] })
      const job = yield* ask("POST", `${api}/devices/${device.deviceId}/jobs/send-text`, { token, body: list, headers: { "content-type": "application/json" } })
      const given = yield* remove(leaving.user.id, `?devices=transfer:${heir.user.id}`)
      expect([given.status, given.json.data.devices]).toEqual([200, "transferred"])
      expect((yield* devices.get(device.deviceId)).userId).toBe(heir.user.id)
      expect((yield* ask("GET", `${api}/devices/${device.deviceId}`, { token: heir.token })).status).toBe(200)
      const { jobId } = job.json.data
      expect((yield* ask("GET", `${api}/jobs/${jobId}`, { token: heir.token })).json.data).toMatchObject({ jobId, userId: heir.user.id })
      expect((yield* optOuts.list(heir.user.id, { limit: 10 })).map(({ address }) => address).toSorted()).toEqual([asked1, asked2])
      expect(yield* optOuts.list(leaving.user.id, { limit: 10 })).toEqual([])

      const gone = yield* remove(heir.user.id, "?devices=delete")
      expect(gone.json.data).toMatchObject({ deviceCount: 1, devices: "deleted" })
      expect((yield* Effect.flip(devices.get(device.deviceId)))._tag).toBe("DeviceNotFound")
      expect((yield* remove(heir.user.id)).status).toBe(404)
    }))

  it.effect("takes the keys of whoever goes along", () =>
    Effect.gen(function*() {
      const apiKeys = yield* ApiKeys
      const { token } = yield* makeUser("admin")
      const leaving = yield* makeUser("user")
      const made = yield* ask("POST", `${users}/${leaving.user.id}/api-keys`, { token, body: { name: "till", scopes: ["read"] } })
      const key: string = made.json.data.key
      expect((yield* ask("GET", `${api}/devices`, { token: key })).status).toBe(200)
      yield* ask("DELETE", `${users}/${leaving.user.id}`, { token })
      expect((yield* ask("GET", `${api}/devices`, { token: key })).status).toBe(401)
      expect(yield* apiKeys.list(leaving.user.id)).toEqual([])
    }))
})
