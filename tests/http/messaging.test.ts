import { expect, it, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Ref } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Message } from "../../src/domain/Message.ts"
import type { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { api, ask, httpLayer, makeDevice, makeUser, messageOf, Stage } from "../support/http.ts"

const world = Effect.gen(function*() {
  const { token, user } = yield* makeUser("user")
  const { deviceId } = yield* makeDevice(user)
  const path = `${api}/devices/${deviceId}`
  const send = (body: object, headers: Record<string, string> = {}, query = "") =>
    ask("POST", `${path}/send-message${query}`, { token, body, headers })
  return { token, deviceId, path, send }
})

layer(httpLayer())("messaging", (it) => {
  it.effect("a sent message is answered as the documentation shows it, under old names too", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      for (const body of [{ phone: "6281234567890", message: "Hello World" }, { to: "+62 812-3456-7890", text: "Hello World" }]) {
        const { json, status } = yield* send(body)
        expect(status).toBe(200)
        expect(json).toEqual({
          success: true,
          data: expect.objectContaining({
            messageId: expect.stringMatching(/^3EB0/), status: "sent", timestamp: expect.stringMatching(/Z$/), to: "6281234567890"
          })
        })
      }
      const both = yield* send({ phone: "6281234567890", to: "6281234567891", message: "x" })
      expect(both.json.error.details).toEqual([expect.objectContaining({ field: "to" })])
      const missing = yield* send({ phone: "6281234567890" })
      expect(missing.json.error.details).toEqual([{ field: "message", message: "is missing" }])
    }))

  it.effect("one that waits is 202 with the reason, one that is known to fail 422 with its code", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const waits = yield* send({ phone: "6281234567800", message: "x" })
      expect([waits.status, waits.json.data.status, waits.json.data.reason]).toEqual([202, "pending", "not_paired"])
      const lost = yield* send({ phone: "6281234567500", message: "x" })
      expect([lost.status, lost.json.data.reason]).toEqual([202, "connection_lost"])
      const failed = yield* send({ phone: "6281234567404", message: "x" })
      expect(failed.status).toBe(422)
      expect(failed.json).toEqual({
        success: false,
        message: "6281234567404 is not on WhatsApp",
        error: {
          code: "NOT_ON_WHATSAPP",
          details: {
            messageId: expect.stringMatching(/^3EB0/), status: "failed",
            failure: { code: "NOT_ON_WHATSAPP", text: "6281234567404 is not on WhatsApp", whatsapp: null }
          }
        }
      })
    }))

  it.effect("waits as long as it is asked to, at most a minute", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const { sent } = yield* Stage
      const body = { phone: "6281234567890", message: "x" }
      yield* send(body)
      yield* send(body, {}, "?wait=delivered&timeout=1.5")
      expect((yield* send(body, {}, "?wait=accepted")).status).toBe(202)
      const asked = (yield* Ref.get(sent)).slice(-3).map(({ millis, until }) => [until, millis])
      expect(asked).toEqual([["sent", 20_000], ["delivered", 1500], ["accepted", 20_000]])
      expect((yield* send(body, {}, "?timeout=61")).json.error.details[0].field).toBe("timeout")
      expect((yield* send(body, {}, "?wait=ever")).json.error.details[0].field).toBe("wait")
    }))

  it.effect("with an idempotency key a repetition is answered as the first was", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      for (const phone of ["6281234567890", "6281234567404", "6281234567800"]) {
        const key = { "idempotency-key": `order-${phone}` }
        const first = yield* send({ phone, message: "x" }, key)
        const second = yield* send({ to: phone, text: "x" }, key)
        expect(second.json).toEqual(first.json)
        expect(second.status).toBe(first.status)
        expect(first.headers.get("idempotency-replayed")).toBeNull()
        expect(second.headers.get("idempotency-replayed")).toBe("true")
        const other = yield* send({ phone, message: "y" }, key)
        expect([other.status, other.json.error.code]).toEqual([422, "IDEMPOTENCY_CONFLICT"])
      }
    }))

  it.effect("a conversation is paged both ways, by number or address", () =>
    Effect.gen(function*() {
      const { deviceId, path, token } = yield* world
      const { history } = yield* Stage
      const at = yield* DateTime.now
      const ids = [1, 2, 3, 4, 5]
      yield* Ref.set(history, ids.map((id) => messageOf({ id, deviceId, to: "6281234567890", text: `t${id}`, status: "sent", at })))
      const page = (jid: string, query: string) =>
        Effect.map(ask("GET", `${path}/chat-history/${encodeURIComponent(jid)}?${query}`, { token }), ({ json }) => json.data)
      for (const jid of ["6281234567890", "+62 812-3456-7890", "6281234567890@s.whatsapp.net", "6281234567890:12@s.whatsapp.net", "6281234567890@c.us"]) {
        const all = yield* page(jid, "")
        expect(all.items.map((message: { id: number }) => message.id)).toEqual([5, 4, 3, 2, 1])
        expect(Object.keys(all).toSorted()).toEqual(["hasMore", "items", "nextCursor"])
        expect([all.hasMore, all.nextCursor]).toEqual([false, null])
      }
      const first = yield* page("6281234567890", "limit=2")
      expect([first.items[0].content, first.hasMore, first.nextCursor]).toEqual(["t5", true, 4])
      const last = yield* page("6281234567890", "limit=3&before=4")
      expect([last.items.length, last.hasMore, last.nextCursor]).toEqual([3, false, null])
      const newer = yield* page("6281234567890", "limit=2&after=1")
      expect([newer.items.map((message: { id: number }) => message.id), newer.nextCursor]).toEqual([[2, 3], 3])
      expect((yield* page("6281234567890", "direction=incoming")).items).toEqual([])
      expect((yield* page("123456@lid", "")).items).toEqual([])
      for (const query of ["limit=0", "limit=201", "before=x", "direction=sideways"]) {
        expect((yield* ask("GET", `${path}/chat-history/6281234567890?${query}`, { token })).status).toBe(400)
      }
      expect((yield* ask("GET", `${path}/chat-history/1234@g.us`, { token })).status).toBe(400)
    }))

  it.effect("a row that does not fit the contract is a fault of ours", () =>
    Effect.gen(function*() {
      const { deviceId, path, token } = yield* world
      const { history } = yield* Stage
      const row = messageOf({ id: 1, deviceId, to: "6281234567890", text: "t", status: "sent", at: yield* DateTime.now })
      yield* Ref.set(history, [new Message({ ...row, direction: "sideways" as never }, { disableValidation: true })])
      const { json, status, text } = yield* ask("GET", `${path}/chat-history/6281234567890`, { token })
      expect([status, json.error.code]).toEqual([500, "INTERNAL_ERROR"])
      expect(text).not.toContain("sideways")
    }))

  it.effect("contacts are searched and paged", () =>
    Effect.gen(function*() {
      const { deviceId, path, token } = yield* world
      const contacts = yield* Contacts
      const { transaction } = yield* EventLog
      yield* transaction(contacts.upsert(
        deviceId as DeviceId,
        ["Budi", "Siti", "Wayan"].map((name, i) => ({ phone: `628123456789${i}` as PhoneNumber, name }))
      ))
      const list = (query: string) => Effect.map(ask("GET", `${path}/contacts?${query}`, { token }), ({ json }) => json.data)
      const first = yield* list("limit=2")
      expect([first.items.length, first.hasMore]).toEqual([2, true])
      const rest = yield* list(`limit=2&after=${first.nextCursor}`)
      expect([rest.items.length, rest.hasMore, rest.nextCursor]).toEqual([1, false, null])
      const names = [...first.items, ...rest.items].map((contact: { name: string }) => contact.name)
      expect(names.toSorted()).toEqual(["Budi", "Siti", "Wayan"])
      expect((yield* list("search=sit")).items).toEqual([expect.objectContaining({ name: "Siti", phoneNumber: "6281234567891" })])
    }))
})

layer(httpLayer({ DEFAULT_COUNTRY: "id" }))("with a default country", (it) => {
  it.effect("national numbers are read in bodies and in paths", () =>
    Effect.gen(function*() {
      const { deviceId, path, token } = yield* world
      const { history } = yield* Stage
      const sent = yield* ask("POST", `${path}/send-message`, { token, body: { phone: "0812-3456-7890", message: "halo" } })
      expect(sent.json.data.to).toBe("6281234567890")
      const row = messageOf({ id: 1, deviceId, to: "6281234567890", text: "halo", status: "sent", at: yield* DateTime.now })
      yield* Ref.set(history, [row])
      const { json } = yield* ask("GET", `${path}/chat-history/081234567890`, { token })
      expect(json.data.items).toHaveLength(1)
    }))
})

it.effect("a default country that is none stops the start and is named", () =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.scoped(Layer.build(httpLayer({ DEFAULT_COUNTRY: "XX" }))))
    expect(String(exit)).toContain("DEFAULT_COUNTRY")
  }))
