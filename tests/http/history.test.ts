import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Ref } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Jid } from "../../src/domain/Jid.ts"
import { Message } from "../../src/domain/Message.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { direct, inGroup, phone, text } from "../sql/world.ts"
import { api, ask, httpLayer, makeDevice, makeUser, messageOf, Stage } from "../support/http.ts"

const ani = phone("6281234567890")
const group = Jid.make("120363000000000001@g.us")
const world = Effect.gen(function*() {
  const owner = yield* makeUser("user")
  const admin = yield* makeUser("admin")
  const { deviceId } = yield* makeDevice(owner.user)
  const get = (path: string, token = owner.token) => ask("GET", `${api}/devices/${deviceId}/${path}`, { token })
  const connect = Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`UPDATE whatsapp_sessions SET status = 'connected' WHERE device_id = ${deviceId}`
  })
  return { ...owner, admin, deviceId, get, connect }
})
/** The rows behind daily lists, search and figures are real. */
const record = (deviceId: DeviceId, ...facts: ReadonlyArray<ReturnType<typeof text>>) =>
  Effect.provide(Effect.flatMap(Messages, (messages) => messages.record(deviceId, facts)), Layer.fresh(Messages.layer))
const fields = (json: { error: { details: ReadonlyArray<{ field: string }> } }) => json.error.details.map(({ field }) => field)

layer(httpLayer())("history", (it) => {
  it.effect("a group's history is found with its address and with its number", () =>
    Effect.gen(function*() {
      const { deviceId, get } = yield* world
      const { history } = yield* Stage
      const row = messageOf({ id: 7, deviceId, to: ani, text: "halo", status: "sent", at: yield* DateTime.now })
      yield* Ref.set(history, [new Message({ ...row, chat: { jid: group, lid: null, phone: null } }, { disableValidation: true })])
      for (const id of ["120363000000000001", "120363000000000001@g.us"]) {
        const { json, status } = yield* get(`group-chat-history/${id}?type=text&status=sent&from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z`)
        expect([status, json.data.items[0].id, json.data.items[0].historical, json.data.hasMore]).toEqual([200, 7, false, false])
      }
      for (const wrong of ["6281234567890@s.whatsapp.net", "abc", "1@g.us@g.us", "%20"]) {
        expect((yield* get(`group-chat-history/${encodeURIComponent(wrong)}`)).status).toBe(400)
      }
      for (const query of ["type=song", "status=lost", "from=yesterday", "to=1", "before=-1"]) {
        const { json, status } = yield* get(`group-chat-history/120363000000000001?${query}`)
        expect([status, fields(json)]).toEqual([400, [query.split("=")[0]]])
      }
    }))

  it.effect("the chats of a day, page by page", () =>
    Effect.gen(function*() {
      const { deviceId, get } = yield* world
      yield* record(
        deviceId,
        text(direct({ phone: ani }), "A1", "one", Date.parse("2026-01-10T16:00:00Z")),
        text(inGroup(group, { phone: ani }), "G1", "two", Date.parse("2026-01-10T16:30:00Z")),
        text(direct({ phone: ani }), "A2", "tomorrow in Jakarta", Date.parse("2026-01-10T17:30:00Z"))
      )
      const { json } = yield* get("daily-chat-list?date=2026-01-10&timeZone=Asia/Jakarta&limit=1")
      expect(json.data).toMatchObject({
        date: "2026-01-10", timeZone: "Asia/Jakarta", totalChats: 2, incomingMessages: 2, outgoingMessages: 0, hasMore: true,
        items: [{ isGroup: true, chat: { jid: group }, lastMessage: { content: "two" }, lastMessageTime: "2026-01-10T16:30:00.000Z", messageCount: 1, unreadCount: 1 }]
      })
      const rest = yield* get(`daily-chat-list?date=2026-01-10&timeZone=Asia/Jakarta&limit=1&after=${json.data.nextCursor}`)
      expect(rest.json.data).toMatchObject({ items: [{ chat: { phone: ani }, unreadCount: 2, lastMessage: { content: "one" } }], nextCursor: null, hasMore: false })
      expect((yield* get("daily-chat-list")).json.data).toMatchObject({ date: "1970-01-01", timeZone: "UTC", items: [] })
      for (const [query, field] of [["timeZone=Mars", "timeZone"], ["timeZone=%2B07:00", "timeZone"], ["date=2026-02-30", "date"], ["date=x", "date"], ["limit=101", "limit"]] as const) {
        const { json, status } = yield* get(`daily-chat-list?${query}`)
        expect([status, fields(json)]).toEqual([400, [field]])
      }
    }))

  it.effect("words are searched for, and whatever is sent as words is no fault", () =>
    Effect.gen(function*() {
      const { deviceId, get } = yield* world
      yield* record(deviceId, text(direct({ phone: ani }), "A1", "Pesanan satu"), text(direct({ phone: ani }), "A2", "pesanan dua"))
      const first = yield* get("messages/search?q=pesanan&limit=1")
      expect(first.json.data).toMatchObject({ items: [{ content: "pesanan dua" }], hasMore: true })
      const next = yield* get(`messages/search?q=pesanan&limit=1&before=${first.json.data.nextCursor}`)
      expect(next.json.data).toMatchObject({ items: [{ content: "Pesanan satu" }], nextCursor: null })
      for (const q of ["", "ya", "the", "\"\"", "x".repeat(201)]) {
        const { json, status } = yield* get(`messages/search?q=${encodeURIComponent(q)}`)
        expect([status, fields(json)]).toEqual([400, ["q"]])
      }
      for (const q of ["abc\"", "abc AND NOT", "(abc", "abc*", "+abc -def", "NEAR(abc, 2)", "device:abc", "abc'; --"]) {
        expect((yield* get(`messages/search?q=${encodeURIComponent(q)}`)).status).toBe(200)
      }
    }))

  it.effect("figures are for administrators, over a period and day by day", () =>
    Effect.gen(function*() {
      const { admin, deviceId, get } = yield* world
      yield* record(
        deviceId,
        text(direct({ phone: ani }), "A1", "?", Date.parse("2026-01-10T10:00:00Z")),
        text(direct({ phone: ani }, true), "P1", "!", Date.parse("2026-01-10T11:00:00Z"))
      )
      const figures = {
        incomingMessages: 1, outgoingMessages: 1, failedMessages: 0, activeChats: 1, askingChats: 1, answeredChats: 1, responseRate: 1
      }
      const period = { deviceId, from: "2026-01-09", to: "2026-01-11", timeZone: "Asia/Jakarta" }
      for (const names of ["from=2026-01-09&to=2026-01-11", "startDate=2026-01-09&endDate=2026-01-11"]) {
        const { json } = yield* get(`statistics?${names}&timeZone=Asia/Jakarta`, admin.token)
        expect(json.data).toEqual({ ...period, ...figures })
      }
      const { json } = yield* get("statistics/daily?from=2026-01-09&to=2026-01-11&timeZone=Asia/Jakarta", admin.token)
      const none = { incomingMessages: 0, outgoingMessages: 0, failedMessages: 0, activeChats: 0, askingChats: 0, answeredChats: 0, responseRate: null }
      expect(json.data).toEqual({
        ...period,
        items: [{ date: "2026-01-09", ...none }, { date: "2026-01-10", ...figures }, { date: "2026-01-11", ...none }]
      })
      expect((yield* get("statistics?to=2026-01-30", admin.token)).json.data).toMatchObject({ from: "2026-01-01", to: "2026-01-30", timeZone: "UTC" })
      expect((yield* get("statistics")).status).toBe(403)
      for (const [query, field] of [["from=2026-01-02&to=2026-01-01", "to"], ["from=2024-01-01&to=2025-01-01", "from"]] as const) {
        const { json, status } = yield* get(`statistics/daily?${query}`, admin.token)
        expect([status, json.error.code, json.error.details.field]).toEqual([400, "STATISTICS_PERIOD_INVALID", field])
      }
      expect((yield* get("statistics?timeZone=Mars", admin.token)).status).toBe(400)
    }))

  it.effect("numbers, pictures and what people say of themselves need a connected device", () =>
    Effect.gen(function*() {
      const { connect, deviceId, get, token } = yield* world
      const check = (body: unknown) => ask("POST", `${api}/devices/${deviceId}/contacts/check`, { token, body })
      const offline = [yield* check({ phones: [ani] }), yield* get(`contacts/${ani}/profile-picture`), yield* get(`contacts/${ani}/about`)]
      for (const { json, status } of offline) expect([status, json.error.code]).toEqual([409, "DEVICE_NOT_CONNECTED"])
      yield* connect
      const { json } = yield* check({ phones: ["+62 812-3456-7890", "6281234567404"] })
      expect(json.data.items).toEqual([
        { phone: ani, registered: true, jid: `${ani}@s.whatsapp.net`, lid: null },
        { phone: "6281234567404", registered: false, jid: null, lid: null }
      ])
      expect((yield* get(`contacts/${ani}/profile-picture?size=image`)).json.data).toEqual({
        jid: `${ani}@s.whatsapp.net`, size: "image", url: `https://pps.whatsapp.net/image/${ani}@s.whatsapp.net`
      })
      expect((yield* get("contacts/123@lid/about")).json.data).toEqual({ jid: "123@lid", about: "Hey there!", setAt: null })
      for (const body of [{}, { phones: [] }, { phones: Array.from({ length: 51 }, () => ani) }, { phones: ["halo"] }, { phones: ani }, { phones: [ani], more: 1 }]) {
        expect((yield* check(body)).status).toBe(400)
      }
      expect(fields((yield* check({ phones: [ani, "halo"] })).json)).toEqual(["phones.1"])
    }))
})
