import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { Device } from "../../src/domain/Device.ts"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import { Devices } from "../../src/sql/Devices.ts"
import { Groups } from "../../src/sql/Groups.ts"
import { groupJid, refOf, snapshot } from "../support/fakeGroups.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser, Stage } from "../support/http.ts"
import { sampleFiles } from "../support/sampleFiles.ts"

const own = "6281200000001"
const online = { status: "connected", reason: null, reasonText: null, retryAt: null, restriction: null } as const

/** An administrator, and a connected device of somebody. */
const scene = Effect.gen(function*() {
  const devices = yield* Devices
  const { token, user } = yield* makeUser("admin")
  const { deviceId } = yield* makeDevice(user)
  const { epoch } = yield* devices.claim(deviceId)
  yield* devices.setPairing(deviceId, epoch, { ...refOf(own), phone: refOf(own).phone!, pushName: "Siti" })
  yield* devices.setState(deviceId, epoch, online)
  const disconnect = devices.setState(deviceId, epoch, { ...online, status: "disconnected", reason: "stopped" })
  const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    ask(method, `${api}/devices/${deviceId}${path}`, { token, headers, ...(body !== undefined && { body }) })
  return { call, deviceId, disconnect, token }
})

const tell = (deviceId: Device["deviceId"], ...groups: ReadonlyArray<ReturnType<typeof snapshot>>) =>
  Effect.flatMap(Groups, ({ record }) => record(deviceId, groups.map((group) => GroupFact.Whole({ group, author: null }))))

layer(httpLayer())("groups", (it) => {
  it.effect("are made with people as they are written, and each is answered for", () =>
    Effect.gen(function*() {
      const { call } = yield* scene
      const made = yield* call("POST", "/groups", { groupName: "Keluarga", members: ["+62 812-7777-0001", "6281277770404", "6281277770403@c.us"] })
      expect(made.status).toBe(201)
      expect(made.json.data).toMatchObject({
        groupId: groupJid("777"),
        name: "Keluarga",
        ownRole: "superadmin",
        isMember: true,
        participantCount: 2,
        admins: [`${own}@s.whatsapp.net`],
        participants: [{ phone: own, lid: `${own}9@lid`, role: "superadmin" }, { phone: "6281277770001", role: "member" }],
        results: [
          { jid: "6281277770001@s.whatsapp.net", status: "done", code: 200, invite: null },
          { status: "not_found", code: 404 },
          { status: "invite_required", code: 403, invite: { code: "abcdefgh", expiresAt: null } }
        ]
      })
      const { json } = yield* call("POST", "/groups", { name: " ", participants: ["abc", "6281277770001", "0062 81277770001"], topic: 1 })
      expect(json.error.code).toBe("VALIDATION_ERROR")
      expect(json.error.details.map(({ field }: { field: string }) => field)).toEqual(expect.arrayContaining(["name", "participants.0", "topic"]))
      const twice = yield* call("POST", "/groups", { name: "x", participants: ["6281277770001", "0062 81277770001"] })
      expect(twice.json.error.details).toEqual([{ field: "participants", message: "each person has to be another one" }])
    }))

  it.effect("are listed as they are stored, page by page, whether the device is connected or not", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect, token } = yield* scene
      yield* tell(deviceId, snapshot(groupJid("101"), "Beta"), snapshot(groupJid("102"), "alfa", ["6281277770001"]), snapshot(groupJid("103"), "Gamma 100%"))
      yield* tell(deviceId, { ...snapshot(groupJid("104"), "Delta"), ownRole: null })
      yield* disconnect
      const names = (path: string) => Effect.map(call("GET", path), ({ json }) => json.data.items.map(({ name }: { name: string }) => name))
      expect(yield* names("/groups")).toEqual(["alfa", "Beta", "Gamma 100%"])
      expect(yield* names("/groups?all=true")).toEqual(["alfa", "Beta", "Delta", "Gamma 100%"])
      expect(yield* names("/groups?search=0%25")).toEqual(["Gamma 100%"])
      const first = yield* call("GET", "/groups?limit=2")
      expect(first.json.data).toMatchObject({ hasMore: true })
      expect(first.json.data.items[0]).not.toHaveProperty("participants")
      expect(yield* names(`/groups?limit=2&after=${first.json.data.nextCursor}`)).toEqual(["Gamma 100%"])
      const admin = yield* ask("GET", `/api/admin/groups?deviceId=${deviceId}&limit=2`, { token })
      expect(admin.json.data).toMatchObject({ total: 4, totalIsExact: true, hasMore: true, items: [{ name: "Delta", isMember: false }, { name: "Gamma 100%", deviceId }] })
      expect((yield* call("GET", "/groups?limit=0")).json.error.details[0].field).toBe("limit")
    }))

  it.effect("are shown from what is stored, and asked for when told so", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect } = yield* scene
      yield* tell(deviceId, snapshot(groupJid("101"), "Stored", ["6281277770001"]))
      const stored = yield* call("GET", `/groups/${groupJid("101")}/info`)
      expect(stored.json.data).toMatchObject({ name: "Stored", participantCount: 2 })
      const fresh = yield* call("GET", "/groups/120363000000000101/info?refresh=true")
      expect(fresh.json.data).toMatchObject({ name: "Fresh", participantCount: 1 })
      // what nobody has heard of is looked for once
      expect((yield* call("GET", `/groups/${groupJid("102")}/info`)).json.data.name).toBe("Fresh")
      yield* disconnect
      expect((yield* call("GET", `/groups/${groupJid("101")}/info`)).status).toBe(200)
      expect((yield* call("GET", `/groups/${groupJid("101")}/info?refresh=true`)).json.error.code).toBe("DEVICE_NOT_CONNECTED")
      expect((yield* call("GET", `/groups/${groupJid("109")}/info`)).json.error).toEqual({
        code: "GROUP_NOT_FOUND", details: { groupId: groupJid("109") }
      })
      expect((yield* call("GET", "/groups/6281277770001@s.whatsapp.net/info")).json.error.details[0].field).toBe("groupId")
    }))

  it.effect("are changed, and every refusal has its status and code", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect } = yield* scene
      yield* tell(deviceId, snapshot(groupJid("101"), "Toko", ["6281277770001"]))
      const path = `/groups/${groupJid("101")}`
      expect((yield* call("PUT", `${path}/subject`, { subject: "Toko baru" })).json.data.name).toBe("Toko baru")
      expect((yield* call("PUT", `${path}/description`, { description: "Buka" })).json.data.description).toBe("Buka")
      expect((yield* call("PUT", `${path}/description`, { description: "" })).json.data.description).toBeNull()
      expect((yield* call("PUT", `${path}/settings`, { announcement: true, locked: true })).json.data).toMatchObject({ announcement: true, locked: true })
      expect((yield* call("PUT", `${path}/settings`, {})).json.error.code).toBe("VALIDATION_ERROR")
      expect((yield* call("POST", `${path}/admins`, { participants: ["6281277770001"] })).json.data.results).toMatchObject([{ status: "done" }])
      expect((yield* call("GET", `${path}/info`)).json.data.admins).toContain("6281277770001@s.whatsapp.net")
      expect((yield* call("DELETE", `${path}/admins/6281277770001`)).status).toBe(200)
      expect((yield* call("DELETE", `${path}/participants/${encodeURIComponent("+62 812-7777-0001")}`)).json.data.results).toMatchObject([{ status: "done" }])
      expect((yield* call("GET", `${path}/info`)).json.data.participantCount).toBe(1)
      const refused = yield* call("DELETE", `${path}/participants/6281277770404`)
      expect([refused.status, refused.json.error]).toEqual([409, {
        code: "PARTICIPANT_REFUSED", details: { jid: "6281277770404@s.whatsapp.net", status: "not_found", code: 404 }
      }])
      expect((yield* call("GET", `${path}/invite`)).json.data).toEqual({
        groupId: groupJid("101"), code: "OLDCODE123", link: "https://chat.whatsapp.com/OLDCODE123"
      })
      expect((yield* call("DELETE", `${path}/invite`)).json.data.code).toBe("NEWCODE123")
      expect((yield* call("GET", `${path}/join-requests`)).json.data.items).toMatchObject([{ phone: "6281277770001", requestedAt: null }])
      for (const [invite, status, answer] of [
        [" https://chat.whatsapp.com/WAITS123?mode=ac_t ", 200, "waiting_for_approval"],
        ["https://chat.whatsapp.com/invite/ABCDEFGH/", 200, "joined"],
        ["GONE1234", 404, "INVITE_NOT_FOUND"],
        ["https://example.com/ABCDEFGH", 400, "VALIDATION_ERROR"]
      ] as const) {
        const joined = yield* call("POST", "/groups/join", { invite })
        expect([joined.status, joined.json.data?.status ?? joined.json.error.code]).toEqual([status, answer])
      }
      for (const [ending, status, code] of [
        ["401", 403, "NOT_GROUP_MEMBER"], ["403", 403, "NOT_GROUP_ADMIN"], ["404", 404, "GROUP_NOT_FOUND"],
        ["502", 502, "WHATSAPP_UNANSWERED"], ["503", 503, "DEVICE_ELSEWHERE"]
      ] as const) {
        const answer = yield* call("POST", `/groups/${groupJid(ending)}/participants`, { participants: ["6281277770001"] })
        expect([answer.status, answer.json.error.code]).toEqual([status, code])
      }
      expect((yield* call("POST", `${path}/leave`)).json.data).toEqual({ groupId: groupJid("101"), status: "left" })
      yield* disconnect
      const offline = yield* call("POST", `${path}/leave`)
      expect([offline.status, offline.json.error.code]).toEqual([409, "DEVICE_NOT_CONNECTED"])
    }))

  it.effect("take texts where the device may write, and mention whom the caller names", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect } = yield* scene
      const groupId = groupJid("101")
      yield* tell(deviceId, snapshot(groupId, "Toko", ["6281277770001", "6281277770002"]))
      yield* disconnect
      const { requests } = yield* Stage
      const last = Effect.map(Ref.get(requests), (all) => all.at(-1))
      const sent = yield* call("POST", "/send-group-message", { to: "120363000000000101", text: "halo" })
      expect([sent.status, sent.json.data.to]).toEqual([200, "120363000000000101"])
      const mention = yield* call("POST", `/groups/${groupId}/mention-message`, { message: "hai", mentions: ["+62 812-7777-0001", "123@lid"] })
      expect(mention.status).toBe(200)
      expect(yield* last).toMatchObject({ to: groupId, content: { _tag: "Text", mentions: ["6281277770001@s.whatsapp.net", "123@lid"] } })

      const key = { "idempotency-key": "rapat-1" }
      const body = { message: "rapat", mentions: ["@all"] }
      const first = yield* call("POST", `/groups/${groupId}/mention-message`, body, key)
      expect(yield* last).toMatchObject({ content: { mentions: ["6281277770001@s.whatsapp.net", "6281277770002@s.whatsapp.net"] } })
      yield* tell(deviceId, snapshot(groupId, "Toko", ["6281277770001"]))
      const again = yield* call("POST", `/groups/${groupId}/mention-message`, body, key)
      expect([again.json.data.messageId, again.headers.get("idempotency-replayed")]).toEqual([first.json.data.messageId, "true"])

      expect((yield* call("POST", `/groups/${groupId}/mention-message`, { message: "x", mentions: [] })).json.error.details[0].field).toBe("mentions")
      expect((yield* call("POST", "/send-group-message", { groupId: groupJid("109"), message: "x" })).json.error.code).toBe("GROUP_NOT_FOUND")
      yield* tell(deviceId, { ...snapshot(groupId, "Toko"), announcement: true, ownRole: "member" })
      expect((yield* call("POST", "/send-group-message", { groupId, message: "x" })).json.error.code).toBe("NOT_GROUP_ADMIN")
      yield* tell(deviceId, { ...snapshot(groupId, "Toko"), ownRole: null })
      const outside = yield* call("POST", "/send-group-message", { groupId, message: "x" })
      expect([outside.status, outside.json.error.code]).toEqual([403, "NOT_GROUP_MEMBER"])
    }))

  it.effect("take a square JPEG for a picture, and name what is wrong with another", () =>
    Effect.gen(function*() {
      const { call, deviceId, token } = yield* scene
      const path = `/groups/${groupJid("101")}/picture`
      yield* tell(deviceId, snapshot(groupJid("101"), "Toko"))
      const base = yield* baseUrl
      const put = (file: Buffer) =>
        Effect.promise(async () => {
          const form = new FormData()
          form.append("file", new Blob([new Uint8Array(file)]), "x.jpg")
          const answer = await fetch(`${base}${api}/devices/${deviceId}${path}`, { method: "PUT", body: form, headers: { authorization: `Bearer ${token}` } })
          // oxlint-disable-next-line typescript/no-explicit-any
          return { status: answer.status, json: (await answer.json()) as any }
        })
      const kept = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id FROM media_files`)
      const before = yield* kept
      const cases = [
        [sampleFiles.png(), 400, "GROUP_PICTURE_INVALID", { field: "file", width: null, height: null }],
        [sampleFiles.jpeg(), 400, "GROUP_PICTURE_INVALID", { field: "file", width: null, height: null }],
        [sampleFiles.picture(640, 480), 400, "GROUP_PICTURE_INVALID", { field: "file", width: 640, height: 480 }],
        [sampleFiles.picture(100, 100), 400, "GROUP_PICTURE_INVALID", { field: "file", width: 100, height: 100 }],
        [sampleFiles.picture(2000, 2000), 400, "GROUP_PICTURE_INVALID", { field: "file", width: 2000, height: 2000 }],
        [sampleFiles.picture(640, 640, 600_000), 413, "MEDIA_TOO_LARGE", { field: "file", limitBytes: 524_288 }]
      ] as const
      for (const [file, status, code, details] of cases) {
        const answer = yield* put(file)
        expect([answer.status, answer.json.error]).toMatchObject([status, { code, details }])
      }
      expect((yield* put(sampleFiles.picture(192, 192))).status).toBe(200)
      expect((yield* call("PUT", path, { mediaId: "0".repeat(32), url: "https://example.com/a.jpg" })).json.error.details[0].field).toBe("url")
      expect((yield* call("PUT", `/groups/${groupJid("403")}/picture`, { url: "http://127.0.0.1/a.jpg" })).json.error.code).toBe("MEDIA_UNREACHABLE")
      expect(yield* kept).toEqual(before)
    }))
})
