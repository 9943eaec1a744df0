import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { AuditEntry } from "../../src/domain/Audit.ts"
import type { Device } from "../../src/domain/Device.ts"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
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

const make = (...how: Parameters<typeof sampleFiles.picture>) => Effect.promise(() => sampleFiles.picture(...how))

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
      const { call, deviceId, disconnect, token } = yield* scene
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
      const noted = yield* ask("GET", `/api/admin/audit?target=group:${groupJid("101")}`, { token })
      expect(noted.json.data.items.map(({ action, details, result }: AuditEntry) => [action, details?.["change"], result])).toEqual([
        ["group.leave", "Leave", "success"], ["group.invite", "renewed", "success"], ["group.participants", "remove", "success"],
        ["group.participants", "remove", "success"], ["group.participants", "demote", "success"], ["group.participants", "promote", "success"],
        ["group.update", "Locked", "success"], ["group.update", "Announcement", "success"], ["group.update", "Description", "success"],
        ["group.update", "Description", "success"], ["group.update", "Name", "success"]
      ])
      const refusal = yield* ask("GET", `/api/admin/audit?target=group:${groupJid("403")}`, { token })
      expect(refusal.json.data.items).toMatchObject([{ action: "group.participants", result: "failure", details: { deviceId } }])
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

  it.effect("take other kinds of messages too", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect } = yield* scene
      const groupId = groupJid("101")
      yield* tell(deviceId, snapshot(groupId, "Toko"))
      yield* disconnect
      const { requests } = yield* Stage
      const place = { latitude: 1, longitude: 2 }
      const cards = { contacts: [{ name: "Ani", phone: "+62 812-3456-7890" }] }
      const poll = { question: "Jam?", options: ["7", "8"] }
      for (const [path, body, content] of [
        ["send-location", { ...place, name: "Toko" }, { _tag: "Location", ...place, name: "Toko", address: null }],
        ["send-contact", cards, { _tag: "Contacts", contacts: [{ name: "Ani", phone: "6281234567890", organization: null, email: null }] }],
        ["send-poll", poll, { _tag: "Poll", name: "Jam?", options: ["7", "8"], selectable: 1 }]
      ] as const) {
        const key = { "idempotency-key": `group-${path}` }
        const first = yield* call("POST", `/groups/120363000000000101/${path}?wait=accepted`, { ...body, quotedMessageId: "M1" }, key)
        expect([first.status, first.json.data.to]).toEqual([202, "120363000000000101"])
        expect((yield* Ref.get(requests)).at(-1)).toEqual({ _tag: "New", to: groupId, content, quoted: "M1" })
        const again = yield* call("POST", `/groups/${groupId}/${path}?wait=accepted`, { ...body, quotedMessageId: "M1" }, key)
        expect([again.json.data.messageId, again.headers.get("idempotency-replayed")]).toEqual([first.json.data.messageId, "true"])
      }
      // the message is too old on this stage: the body was taken
      expect((yield* call("POST", `/groups/${groupId}/forward`, { messageId: "M1" })).json.error.code).toBe("MESSAGE_NOT_CHANGEABLE")
      expect((yield* Ref.get(requests)).at(-1)).toEqual({ _tag: "Forward", to: groupId, source: "M1" })
      for (const [path, body, field] of [
        ["send-location", { ...place, phone: "6281234567890" }, "phone"],
        ["send-contact", { contacts: [] }, "contacts"],
        ["send-poll", { ...poll, selectableCount: 3 }, "selectableCount"],
        ["forward", {}, "messageId"],
        ["typing", { state: "dancing" }, "state"]
      ] as const) {
        const wrong = yield* call("POST", `/groups/${groupId}/${path}`, body)
        expect([wrong.status, wrong.json.error.details[0].field]).toEqual([400, field])
      }
    }))

  it.effect("are marked as read and shown typing where the device is in them", () =>
    Effect.gen(function*() {
      const { call, deviceId, disconnect } = yield* scene
      const groupId = groupJid("101")
      yield* tell(deviceId, { ...snapshot(groupId, "Toko"), announcement: true, ownRole: "member" })
      yield* disconnect
      expect((yield* call("POST", `/groups/${groupId}/read`)).json).toEqual({ success: true, data: { chat: groupId, read: 3 } })
      const bodies = {
        "send-location": { latitude: 1, longitude: 2 },
        "send-contact": { contacts: [{ name: "Ani", phone: "6281234567890" }] },
        "send-poll": { name: "Jam?", options: ["7", "8"] },
        forward: { messageId: "M1" },
        typing: {}
      }
      const answers = (group: string) =>
        Effect.forEach(Object.entries(bodies), ([path, body]) =>
          Effect.map(call("POST", `/groups/${group}/${path}`, body), ({ json, status }) => `${status} ${json.error.code}`))
      expect(new Set(yield* answers(groupId))).toEqual(new Set(["403 NOT_GROUP_ADMIN"]))
      expect(new Set(yield* answers(groupJid("109")))).toEqual(new Set(["404 GROUP_NOT_FOUND"]))
      expect((yield* call("POST", `/groups/${groupJid("109")}/read`)).json.error.code).toBe("GROUP_NOT_FOUND")
      yield* tell(deviceId, { ...snapshot(groupId, "Toko"), ownRole: null })
      expect(new Set(yield* answers(groupId))).toEqual(new Set(["403 NOT_GROUP_MEMBER"]))
      expect((yield* call("POST", `/groups/${groupId}/read`)).json.error.code).toBe("NOT_GROUP_MEMBER")
      yield* tell(deviceId, snapshot(groupId, "Toko"))
      expect((yield* call("POST", `/groups/${groupId}/typing`, {})).json.error.code).toBe("DEVICE_NOT_CONNECTED")
    }))

  it.effect("take an image for a picture, and name what is wrong with another", () =>
    Effect.gen(function*() {
      const { call, deviceId, token } = yield* scene
      const path = `/groups/${groupJid("101")}/picture`
      yield* tell(deviceId, snapshot(groupJid("101"), "Toko"))
      const base = yield* baseUrl
      const upload = (method: string, to: string, file: Buffer) =>
        Effect.promise(async () => {
          const form = new FormData()
          form.append("file", new Blob([new Uint8Array(file)]), "x.jpg")
          const answer = await fetch(`${base}${api}/devices/${deviceId}${to}`, { method, body: form, headers: { authorization: `Bearer ${token}` } })
          // oxlint-disable-next-line typescript/no-explicit-any
          return { status: answer.status, json: (await answer.json()) as any }
        })
      const put = (file: Buffer) => upload("PUT", path, file)
      const kept = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id FROM media_files`)
      const before = yield* kept
      const cases = [
        [sampleFiles.png(), 400, "GROUP_PICTURE_INVALID", { field: "file", width: null, height: null }],
        [sampleFiles.jpeg(), 400, "GROUP_PICTURE_INVALID", { field: "file", width: null, height: null }],
        [yield* make(640, 100), 400, "GROUP_PICTURE_INVALID", { field: "file", width: 640, height: 100 }],
        // half of it is missing
        [(yield* make(300, 300)).subarray(0, 30_000), 400, "GROUP_PICTURE_INVALID", { field: "file", width: null, height: null }],
        [sampleFiles.pdf(), 400, "GROUP_PICTURE_INVALID", { field: "file" }],
        [sampleFiles.jpeg(17_000_000), 413, "MEDIA_TOO_LARGE", { field: "file", limitBytes: 16_777_216 }]
      ] as const
      for (const [file, status, code, details] of cases) {
        const answer = yield* put(file)
        expect([answer.status, answer.json.error]).toMatchObject([status, { code, details }])
      }
      for (const picture of [make(192, 192), make(640, 480), make(1000, 2000, { format: "png" }), make(300, 200, { format: "webp" })]) {
        expect((yield* put(yield* picture)).status).toBe(200)
      }
      // a document may be larger than any image
      const stored = yield* upload("POST", "/media", sampleFiles.jpeg(17_000_000))
      const large = yield* call("PUT", path, { mediaId: stored.json.data.mediaId })
      expect([large.status, large.json.error.details]).toEqual([413, { field: "mediaId", limitBytes: 16_777_216 }])
      expect((yield* call("PUT", path, { mediaId: "0".repeat(32), url: "https://example.com/a.jpg" })).json.error.details[0].field).toBe("url")
      expect((yield* call("PUT", `/groups/${groupJid("403")}/picture`, { url: "http://127.0.0.1/a.jpg" })).json.error.code).toBe("MEDIA_UNREACHABLE")
      expect(yield* kept).toEqual([...before, { id: expect.any(Number) }])
    }))
})
