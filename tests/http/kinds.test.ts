import { expect, layer } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { api, ask, httpLayer, makeDevice, makeUser, Stage } from "../support/http.ts"

const world = Effect.gen(function*() {
  const { token, user } = yield* makeUser("user")
  const { deviceId } = yield* makeDevice(user)
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    ask(method, `${api}/devices/${deviceId}/${path}`, { token, body, headers })
  return { call, deviceId }
})
const phone = "6281234567890"
const place = { phone, latitude: 1, longitude: 2 }
const card = { name: "Ani", phone }
const poll = { phone, name: "Jam?", options: ["7", "8"] }

const accepted: ReadonlyArray<readonly [string, object, object]> = [
  ["send-message", { phone, message: "x", mentions: ["+62 812-3456-7891", "200@lid"], quotedMessageId: "M1" }, {
    _tag: "New", to: `${phone}@s.whatsapp.net`, quoted: "M1",
    content: { _tag: "Text", text: "x", mentions: ["6281234567891@s.whatsapp.net", "200@lid"], preview: null }
  }],
  ["send-message", { phone: "201@lid", message: "to one who hides his number" }, { to: "201@lid" }],
  ["send-message", { phone, message: "x https://a.id/b", preview: { url: "https://a.id/b", title: "A" } }, { content: { preview: { url: "https://a.id/b", title: "A", description: null } } }],
  ["send-location", { to: phone, latitude: -90, longitude: 180 }, { content: { _tag: "Location", latitude: -90, longitude: 180, name: null, address: null } }],
  ["send-contact", { phone, contacts: [{ ...card, email: "a@b.id" }] }, { content: { _tag: "Contacts", contacts: [{ name: "Ani", phone, organization: null, email: "a@b.id" }] } }],
  ["send-poll", poll, { content: { _tag: "Poll", name: "Jam?", options: ["7", "8"], selectable: 1 } }],
  ["send-poll", { to: phone, question: "Jam?", options: ["7", "8"], selectableCount: 0 }, { content: { selectable: 0 } }]
]

const refused: ReadonlyArray<readonly [string, string, unknown, string]> = [
  ["POST", "send-message", { phone, message: "x", mentions: ["nobody"] }, "mentions.0"],
  ["POST", "send-message", { phone, message: "x", mentions: "62812" }, "mentions"],
  ["POST", "send-message", { phone, message: "x", quotedMessageId: "" }, "quotedMessageId"],
  ["POST", "send-message", { phone, message: "x", preview: { url: "https://a.id", title: "A" } }, "preview.url"],
  ["POST", "send-message", { phone, message: "ftp://a.id", preview: { url: "ftp://a.id", title: "A" } }, "preview.url"],
  ["POST", "send-message", { phone, message: "https://a.id", preview: { url: "https://a.id" } }, "preview.title"],
  ["POST", "send-message", { phone, message: "https://a.id", preview: { url: "https://a.id", title: "A", image: "x" } }, "preview.image"],
  ["POST", "send-location", { ...place, latitude: 91 }, "latitude"],
  ["POST", "send-location", { ...place, longitude: "2" }, "longitude"],
  ["POST", "send-location", { phone, latitude: 1 }, "longitude"],
  ["POST", "send-location", { ...place, name: " " }, "name"],
  ["POST", "send-location", { ...place, phone: "12" }, "phone"],
  ["POST", "send-location", { ...place, lat: 1 }, "lat"],
  ["POST", "send-location", [], "body"],
  ["POST", "send-contact", { phone, contacts: [] }, "contacts"],
  ["POST", "send-contact", { phone, contacts: [card, { ...card, phone: "x" }] }, "contacts.1.phone"],
  ["POST", "send-contact", { phone, contacts: [{ ...card, name: "" }] }, "contacts.0.name"],
  ["POST", "send-contact", { phone, contacts: [{ ...card, email: "a b" }] }, "contacts.0.email"],
  ["POST", "send-contact", { phone, contacts: Array.from({ length: 21 }, () => card) }, "contacts"],
  ["POST", "send-poll", { ...poll, options: ["7"] }, "options"],
  ["POST", "send-poll", { ...poll, options: Array.from({ length: 13 }, (_, n) => `${n}`) }, "options"],
  ["POST", "send-poll", { ...poll, options: ["7", " 7"] }, "options"],
  ["POST", "send-poll", { ...poll, options: ["7", ""] }, "options.1"],
  ["POST", "send-poll", { ...poll, selectableCount: 3 }, "selectableCount"],
  ["POST", "send-poll", { ...poll, selectableCount: -1 }, "selectableCount"],
  ["POST", "send-reaction", { messageId: "M1", emoji: "x" }, "emoji"],
  ["POST", "send-reaction", { messageId: "M1", emoji: "👍👍" }, "emoji"],
  ["POST", "send-reaction", { messageId: "M1" }, "emoji"],
  ["POST", "send-reaction", { messageId: "é", emoji: "👍" }, "messageId"],
  ["PUT", "messages/M1", { message: "" }, "message"],
  ["PUT", "messages/M1", {}, "message"],
  ["POST", "messages/M1/forward", {}, "phone"],
  ["POST", "messages/%C3%A9/forward", { phone }, "messageId"],
  ["DELETE", "messages/%C3%A9", undefined, "messageId"],
  ["POST", "chats/nobody/read", undefined, "jid"],
  ["POST", "chats/6281234567890/typing", { state: "dancing" }, "state"]
]

layer(httpLayer())("kinds of messages", (it) => {
  it.effect.each(accepted)("%s is taken as it is meant", ([path, body, request]) =>
    Effect.gen(function*() {
      const { call } = yield* world
      const { requests } = yield* Stage
      const { json, status } = yield* call("POST", path, body)
      expect([status, json.data?.messageId], JSON.stringify(json)).toEqual([200, expect.stringMatching(/^3EB0/)])
      expect((yield* Ref.get(requests)).at(-1)).toMatchObject(request)
    }))

  it.effect.each(refused)("%s %s with a wrong body names the field", ([method, path, body, field]) =>
    Effect.gen(function*() {
      const { call } = yield* world
      const { json, status } = yield* call(method, path, body)
      expect([status, json.error.code]).toEqual([400, "VALIDATION_ERROR"])
      expect(json.error.details.map((detail: { field: string }) => detail.field)).toContain(field)
    }))

  it.effect("one emoji is one, however many characters it takes", () =>
    Effect.gen(function*() {
      const { call } = yield* world
      const { requests } = yield* Stage
      for (const emoji of ["👍", "❤", "❤️", "👨‍👩‍👧‍👦", "🇮🇩", "1️⃣", "🤙🏽"]) {
        // the message is too old on this stage: the body was taken
        expect((yield* call("POST", "send-reaction", { messageId: "M1", emoji })).status).toBe(409)
        expect((yield* Ref.get(requests)).at(-1)).toEqual({ _tag: "Reaction", target: "M1", emoji })
      }
      for (const emoji of ["", null]) {
        yield* call("POST", "send-reaction", { messageId: "M1", emoji })
        expect((yield* Ref.get(requests)).at(-1)).toEqual({ _tag: "Reaction", target: "M1", emoji: null })
      }
    }))

  it.effect("messages that are not there or not to be changed are told apart", () =>
    Effect.gen(function*() {
      const { call } = yield* world
      for (const [method, path, body] of [["PUT", "", { text: "x" }], ["DELETE", "", undefined], ["POST", "/forward", { to: phone }]] as const) {
        const missing = yield* call(method, `messages/missing-1${path}`, body)
        expect([missing.status, missing.json.error]).toEqual([404, { code: "MESSAGE_NOT_FOUND", details: { messageId: "missing-1" } }])
        const old = yield* call(method, `messages/M1${path}`, body)
        expect([old.status, old.json.error]).toEqual([409, { code: "MESSAGE_NOT_CHANGEABLE", details: { messageId: "M1", reason: "too_old" } }])
      }
    }))

  it.effect("what others wrote in a group is deleted for administrators alone", () =>
    Effect.gen(function*() {
      const { call, deviceId } = yield* world
      const { requests } = yield* Stage
      const last = Effect.map(Ref.get(requests), (all) => all.at(-1))
      const refused = yield* call("DELETE", "messages/theirs-1")
      expect([refused.status, refused.json]).toEqual([403, { success: false, message: "Access denied", error: { code: "FORBIDDEN" } }])
      expect(yield* last).toEqual({ _tag: "Delete", target: "theirs-1", ofOthers: false })
      const { token } = yield* makeUser("admin")
      // the message is too old on this stage: it was not refused
      expect((yield* ask("DELETE", `${api}/devices/${deviceId}/messages/theirs-1`, { token })).status).toBe(409)
      expect(yield* last).toEqual({ _tag: "Delete", target: "theirs-1", ofOthers: true })
    }))

  it.effect("an idempotency key tells another kind of message apart", () =>
    Effect.gen(function*() {
      const { call } = yield* world
      const key = { "idempotency-key": "kinds-1" }
      const first = yield* call("POST", "send-poll", poll, key)
      expect((yield* call("POST", "send-poll", poll, key)).json).toEqual(first.json)
      expect((yield* call("POST", "send-location", place, key)).json.error.code).toBe("IDEMPOTENCY_CONFLICT")
      expect((yield* call("POST", "send-poll", { ...poll, selectableCount: 0 }, key)).json.error.code).toBe("IDEMPOTENCY_CONFLICT")
    }))

  it.effect("reading and typing", () =>
    Effect.gen(function*() {
      const { call } = yield* world
      expect((yield* call("POST", "chats/+62 812-3456-7890/read")).json).toEqual({ success: true, data: { chat: `${phone}@s.whatsapp.net`, read: 3 } })
      const typing = yield* call("POST", `chats/${phone}/typing`, {})
      expect([typing.status, typing.json.error.code]).toEqual([409, "DEVICE_NOT_CONNECTED"])
    }))

  it.effect("the documentation shows examples that can be sent", () =>
    Effect.gen(function*() {
      const { call } = yield* world
      const { json } = yield* ask("GET", "/openapi.json")
      for (const path of ["send-location", "send-contact", "send-poll"]) {
        const { schema } = json.paths[`${api}/devices/{deviceId}/${path}`].post.requestBody.content["application/json"]
        const [body] = schema.examples
        expect((yield* call("POST", path, body)).status).toBe(200)
      }
    }))
})
