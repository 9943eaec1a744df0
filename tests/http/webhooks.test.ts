import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import * as WebhooksPlugin from "../../src/plugins/webhooks/WebhooksPlugin.ts"
import { emit, said, signedIn, TheReceiver, until } from "../plugins/world.ts"
import { ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const world = WebhooksPlugin.layer.pipe(
  Layer.provide(signedIn("here:1")),
  Layer.provideMerge(httpLayer({ WEBHOOK_ALLOW_PRIVATE: "true", CLUSTER_LOCK_EXPIRATION: "1h" })),
  Layer.provideMerge(TheReceiver.layer)
)

const cast = Effect.gen(function*() {
  const owner = yield* makeUser("user")
  const { deviceId } = yield* makeDevice(owner.user)
  const receiver = yield* TheReceiver
  const create = (body: object, token = owner.token) => ask("POST", "/api/webhooks", { token, body })
  const made = (body: object) => Effect.map(create(body), ({ json }): { readonly webhook: { readonly id: number }; readonly secret: string } => json.data)
  return { ...owner, deviceId, receiver, create, made }
})

layer(world)("webhooks", (it) => {
  it.effect("are made, shown without what is secret, changed and deleted, and it is remembered who did it", () =>
    Effect.gen(function*() {
      const { create, deviceId, receiver, token, user } = yield* cast
      const url = receiver.url("/crud")
      const made = yield* create({ url, deviceId, events: ["message.*", "device-status"], headers: { Authorization: "Bearer s3cret" }, description: "CRM" })
      expect(made.status).toBe(201)
      expect(made.json.data.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
      const { id } = made.json.data.webhook
      expect(made.json.data.webhook).toMatchObject({
        url, deviceId, userId: user.id, events: ["message.*", "device-status"], headers: ["Authorization"], description: "CRM", enabled: true, version: 1
      })
      const shown = yield* ask("GET", `/api/webhooks/${id}`, { token })
      expect(shown.json.data.webhook).toEqual(made.json.data.webhook)
      expect(shown.text).not.toMatch(/whsec|s3cret/)
      const changed = yield* ask("PATCH", `/api/webhooks/${id}`, { token, body: { events: ["*"], headers: {}, enabled: false } })
      expect(changed.json.data.webhook).toMatchObject({ events: ["*"], headers: [], enabled: false, disabledReason: "user" })
      expect((yield* ask("POST", `/api/webhooks/${id}/test`, { token })).json.error.code).toBe("WEBHOOK_DISABLED")
      const rotated = yield* ask("POST", `/api/webhooks/${id}/rotate-secret`, { token, body: { overlapHours: 1 } })
      expect(rotated.json.data.secret).not.toBe(made.json.data.secret)
      expect((yield* ask("GET", "/api/webhooks", { token })).json.data).toMatchObject({ items: [{ id }], hasMore: false })
      expect((yield* ask("DELETE", `/api/webhooks/${id}`, { token })).status).toBe(200)
      expect((yield* ask("GET", `/api/webhooks/${id}`, { token })).json.error.code).toBe("WEBHOOK_NOT_FOUND")
      const admin = yield* makeUser("admin")
      const audit = yield* ask("GET", `/api/admin/audit?target=webhook:${id}`, { token: admin.token })
      expect(audit.json.data.items.map(({ action }: { readonly action: string }) => action)).toEqual([
        "webhook.delete", "webhook.rotate-secret", "webhook.update", "webhook.create"
      ])
      expect(audit.text).not.toMatch(/whsec|s3cret/)
    }))

  it.effect("belong to somebody: others are refused, administrators are not", () =>
    Effect.gen(function*() {
      const { create, deviceId, made, receiver, token, user } = yield* cast
      const stranger = yield* makeUser("user")
      const admin = yield* makeUser("admin")
      const { webhook: { id } } = yield* made({ url: receiver.url("/mine") })
      for (const [method, path, body] of [
        ["GET", "", undefined], ["PATCH", "", { description: "x" }], ["DELETE", "", undefined], ["POST", "/rotate-secret", undefined], ["POST", "/test", undefined],
        ["POST", "/replay", { status: "failed" }], ["GET", "/deliveries", undefined], ["GET", "/deliveries/1", undefined], ["POST", "/deliveries/1/replay", undefined]
      ] as const) {
        const refused = yield* ask(method, `/api/webhooks/${id}${path}`, { token: stranger.token, body })
        expect([method, path, refused.status]).toEqual([method, path, 403])
      }
      expect((yield* create({ url: receiver.url("/x"), deviceId }, stranger.token)).status).toBe(403)
      expect((yield* create({ url: receiver.url("/x"), userId: user.id }, stranger.token)).status).toBe(403)
      expect((yield* ask("GET", `/api/webhooks?userId=${user.id}`, { token: stranger.token })).status).toBe(403)
      expect((yield* ask("GET", `/api/webhooks?userId=${user.id}`, { token: admin.token })).json.data.items).toHaveLength(1)
      // on somebody's device it is that one's
      const forDevice = yield* create({ url: receiver.url("/x"), deviceId }, admin.token)
      expect(forDevice.json.data.webhook.userId).toBe(user.id)
      expect((yield* ask("GET", "/api/webhooks", { token })).json.data.items).toHaveLength(2)
      expect((yield* create({ url: receiver.url("/x"), deviceId: "no-such" })).json.error.code).toBe("DEVICE_NOT_FOUND")
    }))

  it.effect("say which field of a wish is wrong", () =>
    Effect.gen(function*() {
      const { create, receiver, token } = yield* cast
      const url = receiver.url("/")
      const fields = (body: object) => Effect.map(create(body), ({ json, status }) => [status, json.error.details?.[0]?.field ?? json.error.code])
      expect(yield* fields({})).toEqual([400, "url"])
      for (const wrong of ["crm.example.com", "ftp://x.example", "javascript:alert(1)", "https://user:pass@x.example/", ""]) expect(yield* fields({ url: wrong })).toEqual([400, "url"])
      expect(yield* fields({ url, events: [] })).toEqual([400, expect.stringContaining("events")])
      expect(yield* fields({ url, events: ["message.recieved"] })).toEqual([400, "events.0"])
      expect(yield* fields({ url, events: ["*", "nothing.*"] })).toEqual([400, "events.1"])
      for (const name of ["webhook-id", "Webhook-Signature", "Content-Type", "host", "X-Hub-Signature-256", "bad name", "x\r\ny"]) {
        expect(yield* fields({ url, headers: { [name]: "x" } })).toEqual([400, `headers.${name}`])
      }
      expect(yield* fields({ url, headers: { "x-ok": "a\r\nb: c" } })).toEqual([400, "headers.x-ok"])
      expect(yield* fields({ url, evnets: ["*"] })).toEqual([400, "evnets"])
      expect((yield* ask("GET", "/api/webhooks/x", { token })).json.error.details[0].field).toBe("webhookId")
      expect((yield* ask("GET", "/api/webhooks/1/deliveries?status=odd", { token })).json.error.details[0].field).toBe("status")
    }))

  it.effect("tell what became of each delivery, and send again one, a time, or all that failed", () =>
    Effect.gen(function*() {
      const { deviceId, made, receiver, token } = yield* cast
      const { webhook: { id } } = yield* made({ url: receiver.url("/log"), events: ["message.received"] })
      const path = `/api/webhooks/${id}`
      const tested = yield* ask("POST", `${path}/test`, { token })
      expect([tested.status, tested.json.data.delivery.status, tested.json.data.delivery.eventType]).toEqual([202, "pending", "webhook.test"])
      yield* until("the test", () => receiver.at("/log").length === 1)
      expect(receiver.at("/log")[0]!.json).toMatchObject({ type: "webhook.test", data: { webhookId: id } })

      yield* emit(said(deviceId as DeviceId, "6281", "x"), said(deviceId as DeviceId, "6281", "y"))
      yield* until("the events", () => receiver.at("/log").length === 3)
      const list = Effect.map(ask("GET", `${path}/deliveries?limit=2`, { token }), ({ json }) => json.data)
      const first = yield* list
      expect(first).toMatchObject({ items: [{ eventType: "message.received" }, { eventType: "message.received" }], hasMore: true })
      const rest = yield* ask("GET", `${path}/deliveries?before=${first.nextCursor}&status=delivered`, { token })
      expect(rest.json.data).toMatchObject({ items: [{ eventType: "webhook.test" }], hasMore: false, nextCursor: null })

      const delivery = `${path}/deliveries/${first.items[1].id}`
      const one = yield* ask("GET", delivery, { token })
      expect(one.json.data).toMatchObject({
        delivery: { status: "delivered", attempts: 1, lastStatus: 200, lastError: null },
        attempts: [{ status: 200, error: null, response: "ok", millis: expect.any(Number), at: expect.any(String) }]
      })
      expect((yield* ask("POST", `${delivery}/replay`, { token })).status).toBe(202)
      yield* until("the replay", () => receiver.at("/log").length === 4)
      expect(receiver.at("/log")[3]!.headers["webhook-id"]).toBe(receiver.at("/log")[1]!.headers["webhook-id"])
      expect((yield* ask("POST", `${path}/deliveries/999999/replay`, { token })).json.error.code).toBe("DELIVERY_NOT_FOUND")

      const { webhook: later } = yield* made({ url: receiver.url("/later"), events: ["message.received"] })
      const range = yield* ask("POST", `/api/webhooks/${later.id}/replay`, { token, body: { since: "1970-01-01T00:00:00Z" } })
      expect(range.json.data).toEqual({ replayed: 2, hasMore: false, after: null })
      yield* until("the past", () => receiver.at("/later").length === 2)
      expect(receiver.at("/later").map(({ json }) => json.data.content)).toEqual(["x", "y"])
      expect((yield* ask("POST", `${path}/replay`, { token, body: { status: "failed" } })).json.data.replayed).toBe(0)
      expect((yield* ask("POST", `${path}/replay`, { token, body: { state: "failed" } })).status).toBe(400)
    }))
})

layer(httpLayer())("webhooks of a service on the internet", (it) => {
  it.effect("go to public addresses over TLS alone", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const refused = (url: string) => Effect.map(ask("POST", "/api/webhooks", { token, body: { url } }), ({ json, status }) => [status, json.error.details.field, json.error.details.reason])
      for (const host of ["127.0.0.1", "10.0.0.1:8443", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::a00:1]", "2130706433", "0x7f.1", "localhost"]) {
        expect([host, ...(yield* refused(`https://${host}/`))]).toEqual([host, 400, "url", "private_address"])
      }
      expect(yield* refused("http://8.8.8.8/")).toEqual([400, "url", "https_needed"])
      expect(yield* refused("https://nowhere.invalid/")).toEqual([400, "url", "unknown_host"])
      const made = yield* ask("POST", "/api/webhooks", { token, body: { url: "https://8.8.8.8/" } })
      expect(made.status).toBe(201)
      const changed = yield* ask("PATCH", `/api/webhooks/${made.json.data.webhook.id}`, { token, body: { url: "https://127.0.0.1/" } })
      expect(changed.json.error).toMatchObject({ code: "WEBHOOK_URL_REFUSED", details: { field: "url" } })
    }))
})

const texts = (page: { readonly items: ReadonlyArray<{ readonly data: { readonly content: string } }> }) => page.items.map(({ data }) => data.content)

layer(httpLayer())("the event log", (it) => {
  it.effect("is read by a cursor, within what the caller may see", () =>
    Effect.gen(function*() {
      const owner = yield* makeUser("user")
      const stranger = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(owner.user)
      const other = yield* makeDevice(stranger.user)
      yield* emit(...["a", "b", "c"].map((text) => said(deviceId as DeviceId, "6281", text)), said(other.deviceId as DeviceId, "6281", "z"))
      const read = (query: string, token = owner.token) => Effect.map(ask("GET", `/api/events/log${query}`, { token }), ({ json, status }) => ({ status, ...json.data, error: json.error }))
      const first = yield* read("?limit=2&types=message.received")
      expect([texts(first), first.hasMore, first.isIncomplete]).toEqual([["a", "b"], true, false])
      const second = yield* read(`?limit=2&after=${first.nextCursor}`)
      expect([texts(second), second.hasMore]).toEqual([["c"], false])
      const third = yield* read(`?after=${second.nextCursor}`)
      expect([third.items, third.nextCursor]).toEqual([[], second.nextCursor])
      const future = yield* read(`?after=${second.nextCursor + 1}`)
      expect([future.status, future.error.details[0].field]).toEqual([400, "after"])
      expect((yield* read(`?deviceId=${deviceId}`, stranger.token)).status).toBe(403)
      expect(texts(yield* read("", stranger.token))).toEqual(["z"])
      expect((yield* read("?types=no.such")).status).toBe(400)
    }))

  it.effect("has a schema for each type", () =>
    Effect.gen(function*() {
      const { token } = yield* makeUser("user")
      const { json } = yield* ask("GET", "/api/events/schemas", { token })
      expect(json.data.version).toBe(1)
      expect(json.data.schemas["message.received"]).toMatchObject({
        type: "object",
        required: expect.arrayContaining(["messageId", "chat", "content"]),
        properties: { offline: { type: "boolean" } }
      })
      expect(Object.keys(json.data.schemas)).toContain("webhook.disabled")
    }))
})
