import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Jid } from "../../src/domain/Jid.ts"
import { type ChatRef, MessageId, type MessageStatus, type MessageType } from "../../src/domain/Message.ts"
import type { MessageMetadata } from "../../src/domain/MessageMetadata.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import type { NewEvent } from "../../src/domain/ServiceEvent.ts"
import * as WebhooksPlugin from "../../src/plugins/webhooks/WebhooksPlugin.ts"
import { emit, said, signedIn, TheReceiver, until } from "../plugins/world.ts"
import { cloudApiProgram } from "../support/cloudApiProgram.ts"
import { ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const world = WebhooksPlugin.layer.pipe(
  Layer.provide(signedIn("here:1")),
  Layer.provideMerge(httpLayer({ WEBHOOK_ALLOW_PRIVATE: "true", CLUSTER_LOCK_EXPIRATION: "1h" })),
  Layer.provideMerge(TheReceiver.layer)
)

const token = "verify-me"
const at = DateTime.unsafeMake(1_739_321_024_987)
const person = (phone: string | null, lid: string | null = null): ChatRef => ({
  jid: Jid.make(phone === null ? lid! : `${phone}@s.whatsapp.net`),
  phone: phone === null ? null : PhoneNumber.make(phone),
  lid: lid === null ? null : Jid.make(lid)
})
const group: ChatRef = { jid: Jid.make("120363000@g.us"), lid: null, phone: null }
const ani = person("6281234567890", "9876@lid")

let counter = 0
const received = (
  deviceId: DeviceId,
  message: { readonly messageType?: MessageType; readonly content?: string | null; readonly metadata?: MessageMetadata; readonly chat?: ChatRef; readonly participant?: ChatRef; readonly type?: "message.sent" }
): NewEvent => {
  const { chat = ani, content = null, messageType = "text", metadata = null, participant = null, type = "message.received" } = message
  counter += 1
  const event = said(deviceId, "6281", `${counter}`) as NewEvent & { readonly type: "message.received" }
  return { ...event, type, data: { ...event.data, chat, participant, content, messageType, metadata, pushName: "Ani", timestamp: at } }
}
const status = (deviceId: DeviceId, is: MessageStatus, chat = ani): NewEvent => ({
  type: "message.status",
  deviceId,
  data: {
    messageId: MessageId.make("3EB0OUT"),
    chat,
    status: is,
    failure: is === "failed" ? { code: "NOT_ON_WHATSAPP", text: "The number is not on WhatsApp.", whatsapp: null } : null,
    timestamp: at
  }
})
const reacted = (deviceId: DeviceId, emoji: string | null, fromMe = false): NewEvent => ({
  type: "message.reaction",
  deviceId,
  data: {
    messageId: MessageId.make("3EB0IN"), changeId: MessageId.make("3EB0RE"), chat: ani, from: "6281234567890", fromMe, participant: null, people: [], timestamp: at, emoji
  }
})

const cast = (path: string) =>
  Effect.gen(function*() {
    const owner = yield* makeUser("user")
    const deviceId = (yield* makeDevice(owner.user)).deviceId as DeviceId
    const sql = yield* SqlClient.SqlClient
    yield* sql`UPDATE whatsapp_sessions SET phone_number = '15550001111' WHERE device_id = ${deviceId}`
    const program = cloudApiProgram(yield* TheReceiver, path, token)
    const create = (body: object = {}) =>
      ask("POST", "/api/webhooks", { token: owner.token, body: { url: program.url, format: "cloud-api", verifyToken: token, ...body } })
    const made = (body: object = {}) =>
      Effect.map(create(body), ({ json }): { readonly webhook: { readonly id: number; readonly events: ReadonlyArray<string> }; readonly secret: string } => {
        program.trust(json.data.secret)
        return json.data
      })
    return { ...owner, deviceId, program, create, made }
  })

layer(world)("webhooks in the format of Cloud API", (it) => {
  it.effect("a program made for that API verifies the endpoint, checks the signature, and reads messages of all kinds", () =>
    Effect.gen(function*() {
      const { deviceId, made, program, user } = yield* cast("/kinds")
      const { webhook } = yield* made()
      expect(webhook).toMatchObject({ format: "cloud-api", events: ["message.received", "message.reaction", "message.status"] })
      const file = { mimetype: "image/jpeg", fileName: "kätzchen.pdf" }
      yield* emit(
        received(deviceId, { content: "Halo é 😀 \u007f", metadata: { quoted: "3EB0Q", quotedParticipant: "6289@s.whatsapp.net", forwarded: true } }),
        received(deviceId, { messageType: "image", content: "look", metadata: { media: file } }),
        received(deviceId, { messageType: "video", metadata: { media: file } }),
        received(deviceId, { messageType: "audio", metadata: { media: { mimetype: "audio/ogg", voice: true } } }),
        received(deviceId, { messageType: "document", metadata: { media: file } }),
        received(deviceId, { messageType: "sticker", metadata: { media: { mimetype: "image/webp" } } }),
        received(deviceId, { messageType: "location", metadata: { location: { latitude: -6.2, longitude: 106.8, name: "Monas" } } }),
        received(deviceId, {
          messageType: "contact",
          metadata: {
            contacts: [{
              name: "Budi",
              vcard: "BEGIN:VCARD\nVERSION:3.0\nN:Santoso;Budi;;;\nFN:Budi\\, S.\nORG:Toko;\nitem1.TEL;waid=62811:+62 811\nEMAIL;type=INTERNET:b@x.id\nEND:VCARD"
            }]
          }
        }),
        received(deviceId, { content: "Ya", metadata: { choice: true } }),
        reacted(deviceId, "👍"),
        reacted(deviceId, null),
        received(deviceId, { messageType: "poll", content: "?", metadata: { poll: { options: ["a"], selectable: 1 } } }),
        received(deviceId, { messageType: "unknown", metadata: { field: "newThing" } })
      )
      yield* until("all of them", () => program.messages.length === 13)
      expect(program.refused).toEqual([])
      expect(program.messages[0]).toMatchObject({ from: "6281234567890", name: "Ani", phoneId: deviceId })
      expect(program.messages.map(({ message }) => message)).toMatchObject([
        { type: "text", text: { body: "Halo é 😀 \u007f" }, context: { id: "3EB0Q", from: "6289", forwarded: true } },
        { type: "image", image: { mime_type: "image/jpeg", caption: "look" } },
        { type: "video", video: { mime_type: "image/jpeg" } },
        { type: "audio", audio: { mime_type: "audio/ogg", voice: true } },
        { type: "document", document: { filename: "kätzchen.pdf" } },
        { type: "sticker", sticker: { mime_type: "image/webp", animated: false } },
        { type: "location", location: { latitude: -6.2, longitude: 106.8, name: "Monas" } },
        {
          type: "contacts",
          contacts: [{
            name: { formatted_name: "Budi, S.", first_name: "Budi", last_name: "Santoso" },
            phones: [{ phone: "+62 811", wa_id: "62811" }],
            emails: [{ email: "b@x.id" }],
            org: { company: "Toko" }
          }]
        },
        { type: "button", button: { text: "Ya", payload: "Ya" } },
        { type: "reaction", reaction: { message_id: "3EB0IN", emoji: "👍" } },
        { type: "reaction", reaction: { message_id: "3EB0IN" } },
        { type: "unsupported", unsupported: { type: "poll" }, errors: [{ code: 131051 }] },
        { type: "unsupported", unsupported: { type: "newThing" }, errors: [{ code: 131051 }] }
      ])
      const [handshake, first] = program.requests()
      expect([handshake!.method, handshake!.query.get("hub.mode"), handshake!.query.get("hub.verify_token")]).toEqual(["GET", "subscribe", token])
      expect(first!.text).toMatch(/^[\0-~]*$/)
      expect(first!.headers["webhook-id"]).toMatch(/^msg_[0-9a-f]{32}$/)
      expect(first!.headers["webhook-signature"]).toBeUndefined()
      expect(first!.json).toMatchObject({
        object: "whatsapp_business_account",
        entry: [{
          id: String(user.id),
          changes: [{
            field: "messages",
            value: {
              messaging_product: "whatsapp",
              metadata: { display_phone_number: "15550001111", phone_number_id: deviceId },
              contacts: [{ profile: { name: "Ani" }, wa_id: "6281234567890", user_id: "9876@lid" }],
              messages: [{ from: "6281234567890", from_user_id: "9876@lid", timestamp: "1739321024" }]
            }
          }]
        }]
      })
    }))

  it.effect("statuses are told, and nothing that the API has no shape for", () =>
    Effect.gen(function*() {
      const { deviceId, made, program, token: bearer } = yield* cast("/statuses")
      const { webhook } = yield* made({ events: ["*"] })
      yield* emit(
        status(deviceId, "pending"), status(deviceId, "sent"), status(deviceId, "delivered"), status(deviceId, "read"), status(deviceId, "failed"),
        status(deviceId, "cancelled"), reacted(deviceId, "👎", true),
        { type: "chat.read", deviceId, data: { chat: ani, messageIds: [], timestamp: at } },
        // the status list and channels are nobody that one answers
        received(deviceId, { content: "story", chat: { jid: Jid.make("status@broadcast"), lid: null, phone: null }, participant: ani }),
        received(deviceId, { content: "mine", type: "message.sent" }),
        received(deviceId, { content: "hidden", chat: person(null, "777@lid") }),
        received(deviceId, { content: "in a group", chat: group, participant: person("6287712345") }),
        status(deviceId, "delivered", group)
      )
      yield* until("what there is", () => program.requests().length === 1 + 8)
      const of = (phone: string) => program.statuses.filter((told) => told.phone === phone)
      expect(of("6281234567890")).toMatchObject([
        { id: "3EB0OUT", status: "sent" },
        { status: "delivered" },
        { status: "read" },
        { status: "failed", errors: [{ code: 131026, error_data: { details: "NOT_ON_WHATSAPP: The number is not on WhatsApp." } }] }
      ])
      expect(of("120363000@g.us")).toMatchObject([{ status: "delivered" }])
      expect(new Map(program.messages.map(({ from, message }) => [from, message.group_id]))).toEqual(new Map([["777@lid", undefined], ["6287712345", "120363000@g.us"]]))
      const echoes = program.requests().flatMap(({ json }) => json?.entry[0].changes[0].value.message_echoes ?? [])
      expect(echoes).toMatchObject([{ to: "6281234567890", type: "text", text: { body: "mine" } }])
      const listed = yield* ask("GET", `/api/webhooks/${webhook.id}/deliveries`, { token: bearer })
      expect(new Set(listed.json.data.items.map(({ eventType }: { readonly eventType: string }) => eventType)))
        .toEqual(new Set(["message.status", "message.received", "message.sent"]))
    }))

  it.effect("who does not echo the challenge is refused, and nothing is stored", () =>
    Effect.gen(function*() {
      const { create, token: bearer } = yield* cast("/handshake")
      const receiver = yield* TheReceiver
      const outcome = (body: object) => Effect.map(create(body), ({ json, status: answered }) => [answered, json.error.code, json.error.details?.reason])
      expect(yield* outcome({ verifyToken: "another" })).toEqual([422, "WEBHOOK_NOT_VERIFIED", "status"])
      receiver.answer("/echoes-nothing", (response) => response.end("ok"))
      expect(yield* outcome({ url: receiver.url("/echoes-nothing") })).toEqual([422, "WEBHOOK_NOT_VERIFIED", "challenge"])
      receiver.answer("/moved", (response, { query }) => response.writeHead(302, { location: "/" }).end(query.get("hub.challenge")))
      expect(yield* outcome({ url: receiver.url("/moved") })).toEqual([422, "WEBHOOK_NOT_VERIFIED", "status"])
      receiver.answer("/dead", (response) => response.destroy())
      expect(yield* outcome({ url: receiver.url("/dead") })).toEqual([422, "WEBHOOK_NOT_VERIFIED", "unanswered"])
      const fields = (body: object) => Effect.map(create(body), ({ json, status: answered }) => [answered, json.error.details?.[0]?.field])
      expect(yield* fields({ verifyToken: undefined })).toEqual([400, "verifyToken"])
      expect(yield* fields({ verifyToken: "with space" })).toEqual([400, "verifyToken"])
      expect(yield* fields({ format: "standard" })).toEqual([400, "verifyToken"])
      expect(yield* fields({ format: "cloud" })).toEqual([400, "format"])
      expect((yield* ask("GET", "/api/webhooks", { token: bearer })).json.data.items).toEqual([])
    }))

  it.effect("a new address or token is verified too; a new secret signs at once; a test is a message", () =>
    Effect.gen(function*() {
      const { made, program, token: bearer } = yield* cast("/changes")
      const { webhook } = yield* made()
      const path = `/api/webhooks/${webhook.id}`
      const change = (body: object) => Effect.map(ask("PATCH", path, { token: bearer, body }), ({ json, status: answered }) => [answered, json.error?.code])
      expect(yield* change({ verifyToken: "another" })).toEqual([422, "WEBHOOK_NOT_VERIFIED"])
      const receiver = yield* TheReceiver
      receiver.status("/elsewhere", 404)
      expect(yield* change({ url: receiver.url("/elsewhere") })).toEqual([422, "WEBHOOK_NOT_VERIFIED"])
      expect(yield* change({ url: `${program.url}?key=1` })).toEqual([200, undefined])
      expect(program.requests().at(-1)!.query.get("key")).toBe("1")
      expect((yield* ask("GET", path, { token: bearer })).text).not.toContain(token)
      const rotated = yield* ask("POST", `${path}/rotate-secret`, { token: bearer })
      program.trust(rotated.json.data.secret)
      yield* ask("POST", `${path}/test`, { token: bearer })
      yield* until("the test", () => program.messages.length === 1)
      expect(program.messages[0]!.message).toMatchObject({ type: "text", text: { body: "This is a test; it works." } })
      expect(program.refused).toHaveLength(1)
      const standard = yield* ask("POST", "/api/webhooks", { token: bearer, body: { url: receiver.url("/standard") } })
      expect(standard.json.data.webhook).toMatchObject({ format: "standard", events: ["*"] })
      const mistaken = yield* ask("PATCH", `/api/webhooks/${standard.json.data.webhook.id}`, { token: bearer, body: { verifyToken: token } })
      expect([mistaken.status, mistaken.json.error.details[0].field]).toEqual([400, "verifyToken"])
    }))
})
