import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { Webhook as StandardWebhook } from "standardwebhooks"
import { expect } from "vitest"
import type { WebhookId } from "../../src/domain/Webhook.ts"
import { newMessageId, newSecret } from "../../src/plugins/webhooks/Signature.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { WebhookDeliveries } from "../../src/sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../src/sql/webhooks/Webhooks.ts"
import { repositoriesLayer } from "../sql/world.ts"
import { databases } from "../support/databases.ts"
import type { Received } from "../support/receiver.ts"
import { emit, endpoint, owned, said, settings, signedIn, TheReceiver, today, until, webhooksPlugin } from "./world.ts"

const database = databases[0]!
const world = webhooksPlugin.pipe(
  Layer.provide(signedIn("here:1")),
  Layer.provideMerge(Layer.fresh(repositoriesLayer)),
  Layer.provideMerge(Layer.merge(database.layer, TheReceiver.layer)),
  Layer.provide(Layer.merge(today, settings({ WEBHOOK_ALLOW_PRIVATE: "true" })))
)

const contents = (got: ReadonlyArray<Received>) => got.map(({ json }) => json.data.content)
const idOf = ({ headers }: Received) => headers["webhook-id"]
const deliveries = (id: WebhookId) => Effect.flatMap(WebhookDeliveries, (all) => all.list(id, { limit: 200 }))
const allDone = (id: WebhookId, count: number) =>
  Effect.gen(function*() {
    const all = yield* WebhookDeliveries
    return () => Effect.map(all.list(id, { status: "delivered", limit: 200 }), (done) => done.length === count)
  })

it.layer(world)("webhooks", (it) => {
  it.effect("are what the specification's own library takes, with either secret while they rotate", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const webhooks = yield* Webhooks
      const { deviceId, userId } = yield* owned
      const { secret, webhook } = yield* endpoint(userId, receiver.url("/signed"), { headers: { authorization: "Bearer crm", "Webhook-Id": "forged" } })
      yield* emit(said(deviceId, "6281", "Halo é 😀"))
      yield* until("the event", () => receiver.at("/signed").length === 1)
      const [first] = receiver.at("/signed")
      const verified = new StandardWebhook(secret).verify(first!.text, first!.headers as Record<string, string>)
      expect(verified).toMatchObject({ type: "message.received", deviceId, version: 1, data: { content: "Halo é 😀" } })
      expect(Object.keys(first!.json)).toEqual(["type", "timestamp", "id", "version", "deviceId", "sequence", "data"])
      expect(idOf(first!)).toMatch(/^msg_[0-9a-f]{32}$/)
      expect(first!.headers).toMatchObject({ authorization: "Bearer crm", "content-type": "application/json" })
      expect(() => new StandardWebhook(newSecret()).verify(first!.text, first!.headers as Record<string, string>)).toThrow("No matching signature")

      const next = newSecret()
      yield* webhooks.rotate(webhook.id, next, 60_000)
      yield* emit(said(deviceId, "6281", "two"))
      yield* until("the second event", () => receiver.at("/signed").length === 2)
      const both = receiver.at("/signed")[1]!
      for (const good of [secret, next]) new StandardWebhook(good).verify(both.text, both.headers as Record<string, string>)
      yield* TestClock.adjust("61 seconds")
      yield* emit(said(deviceId, "6281", "three"))
      yield* until("the third event", () => receiver.at("/signed").length === 3)
      const after = receiver.at("/signed")[2]!
      expect(after.headers["webhook-signature"]).not.toContain(" ")
      expect(after.headers["webhook-signature"]).toBe(new StandardWebhook(next).sign(idOf(after) as string, new Date(Number(after.headers["webhook-timestamp"]) * 1000), after.text))
    }))

  it.effect("are kept secret at rest, and the secret of one is no other's", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const webhooks = yield* Webhooks
      const { userId } = yield* owned
      const one = yield* endpoint(userId, "http://127.0.0.1:9/", { headers: { authorization: "Bearer very-secret" } })
      const two = yield* endpoint(userId, "http://127.0.0.1:9/")
      const stored = Buffer.concat((yield* sql`SELECT sealed AS bytes FROM webhook_secrets UNION ALL SELECT headers FROM webhooks WHERE headers IS NOT NULL`)
        .map((row) => Buffer.from(row["bytes"] as Uint8Array))).toString("latin1")
      expect(stored).not.toContain(one.secret.slice(8))
      expect(stored).not.toContain("very-secret")
      expect(one.webhook.headers).toEqual(["authorization"])
      yield* sql`UPDATE webhook_secrets SET webhook_id = ${two.webhook.id} WHERE webhook_id = ${one.webhook.id}`
      expect((yield* Effect.flip(webhooks.target(two.webhook.id)))._tag).toBe("Undecipherable")
    }))

  it.effect("a receiver that is away for 30 minutes gets everything afterwards, in order per chat, under the same ids", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/away"))
      const other = yield* endpoint(userId, receiver.url("/there"))
      receiver.status("/away", 503)
      const texts = Array.from({ length: 12 }, (_, index) => `${index}`)
      for (const text of texts) {
        yield* emit(said(deviceId, Number(text) % 3 === 0 ? "6281" : "6282", text))
        yield* TestClock.adjust("1 second")
      }
      const isThere = yield* allDone(other.webhook.id, 12)
      yield* until("the other endpoint", isThere)
      yield* TestClock.adjust("30 minutes")
      expect(receiver.at("/away").length).toBeLessThan(40)
      const tried = receiver.at("/away").length
      receiver.works("/away")
      yield* until("what waited", yield* allDone(webhook.id, 12), "10 seconds")
      const taken = receiver.at("/away").slice(tried)
      const byChat = Map.groupBy(taken, ({ json }) => json.data.chat.jid)
      for (const [chat, got] of byChat) expect([chat, contents(got)]).toEqual([chat, contents(got).toSorted((a, b) => Number(a) - Number(b))])
      expect(contents(taken).toSorted()).toEqual(texts.toSorted())
      const ids = Map.groupBy(receiver.at("/away"), ({ json }) => json.id)
      for (const attempts of ids.values()) expect(new Set(attempts.map(idOf)).size).toBe(1)
      expect(new Set(receiver.at("/away").map(idOf)).size).toBe(12)
      expect((yield* Effect.flatMap(Webhooks, (all) => all.get(webhook.id)))).toMatchObject({ failures: 0, failingSince: null, pausedUntil: null })
    }), 180_000)

  it.effect("410 disables at once and says so; what waited goes out when it is enabled, what came meanwhile by a replay", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const webhooks = yield* Webhooks
      const log = yield* EventLog
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/gone"), { events: ["message.*"] })
      receiver.status("/gone", 410)
      yield* emit(said(deviceId, "6281", "a"))
      const state = () => Effect.map(webhooks.get(webhook.id), ({ enabled }) => !enabled)
      yield* until("it to be disabled", state)
      expect(yield* webhooks.get(webhook.id)).toMatchObject({ enabled: false, disabledReason: "gone" })
      const told = yield* log.after({ after: 0, deviceId, types: ["webhook.disabled"], limit: 10 })
      expect(told.map(({ data }) => data)).toEqual([{ webhookId: webhook.id, host: new URL(webhook.url).host, reason: "gone", failingSince: expect.any(String) }])
      receiver.works("/gone")
      yield* emit(said(deviceId, "6281", "b"))
      yield* TestClock.adjust("1 minute")
      expect(receiver.at("/gone")).toHaveLength(1)
      yield* webhooks.update(webhook.id, { enabled: true })
      yield* until("what waited", yield* allDone(webhook.id, 1))
      expect(contents(receiver.at("/gone"))).toEqual(["a", "a"])
    }))

  it.effect("five days of nothing but failures disable, one success in between does not", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const webhooks = yield* Webhooks
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/days"))
      receiver.status("/days", 500)
      const sql = yield* SqlClient.SqlClient
      const failed = (count: number) => () => Effect.map(webhooks.get(webhook.id), ({ failures }) => failures >= count)
      /** As if it had begun so long ago. */
      const failingFor = (days: number) =>
        sql`UPDATE webhooks SET failing_since = failing_since - ${days * 86_400_000} WHERE id = ${webhook.id}`
      yield* emit(said(deviceId, "6281", "a"))
      yield* until("a failure", failed(1))
      yield* failingFor(6)
      receiver.works("/days")
      yield* emit(said(deviceId, "6282", "fine"))
      yield* until("a success", () => Effect.map(webhooks.get(webhook.id), ({ failures }) => failures === 0))
      receiver.status("/days", 500)
      yield* emit(said(deviceId, "6283", "b"))
      yield* until("a failure", failed(1))
      yield* failingFor(4)
      yield* emit(said(deviceId, "6284", "c"))
      yield* until("a second failure", failed(2))
      expect((yield* webhooks.get(webhook.id)).enabled).toBe(true)
      yield* failingFor(1)
      yield* emit(said(deviceId, "6285", "d"))
      yield* until("a third failure", failed(3))
      expect(yield* webhooks.get(webhook.id)).toMatchObject({ enabled: false, disabledReason: "failing" })
    }))

  it.effect("redirects, broken connections, endless and huge answers are failures or are cut, and are written down", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const { deviceId, userId } = yield* owned
      const all = yield* WebhookDeliveries
      const paths = { redirect: "/redirect", reset: "/reset", huge: "/huge" }
      receiver.status(paths.redirect, 302, { location: receiver.url("/inner") })
      receiver.answer(paths.reset, (response) => void response.destroy())
      receiver.answer(paths.huge, (response) => {
        const pour = () => {
          while (response.write("x".repeat(65_536))) { /* until it is full */ }
        }
        response.on("drain", pour).on("error", () => {})
        pour()
      })
      const made = yield* Effect.forEach(Object.values(paths), (path) => endpoint(userId, receiver.url(path)))
      yield* emit(said(deviceId, "6281", "x"))
      const attemptsOf = (index: number) =>
        Effect.gen(function*() {
          const [delivery] = yield* deliveries(made[index]!.webhook.id)
          return delivery === undefined ? [] : yield* all.attempts(delivery.id)
        })
      const context = yield* Effect.context<WebhookDeliveries>()
      for (const index of [0, 1, 2]) {
        yield* until(`an attempt at ${index}`, () => Effect.map(Effect.provide(attemptsOf(index), context), (found) => found.length > 0))
      }
      expect((yield* attemptsOf(0))[0]).toMatchObject({ status: 302, error: "redirect", response: "no" })
      expect((yield* attemptsOf(1))[0]).toMatchObject({ status: null, error: "connection", response: null })
      const huge = (yield* attemptsOf(2))[0]!
      expect([huge.status, huge.error, huge.response?.length]).toEqual([200, null, 1024])
      expect(receiver.at("/inner")).toEqual([])
    }))

  it.effect("one that hangs holds up no other, and of its own only the chat", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const { deviceId, userId } = yield* owned
      const slow = yield* endpoint(userId, receiver.url("/slow"))
      const quick = yield* endpoint(userId, receiver.url("/quick"))
      receiver.answer("/slow", (response, { json }) => {
        if (json.data.content !== "hangs") response.end()
      })
      yield* emit(said(deviceId, "6281", "hangs"), said(deviceId, "6281", "behind"), said(deviceId, "6282", "beside"))
      yield* until("the quick one", yield* allDone(quick.webhook.id, 3))
      yield* until("the other chat", yield* allDone(slow.webhook.id, 1))
      expect(contents(receiver.at("/slow")).toSorted()).toEqual(["beside", "hangs"])
    }))

  it.effect("what goes well is sent once, also when several chats are busy", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/busy"))
      receiver.answer("/busy", (response, _, count) => void setTimeout(() => response.end(), count % 3))
      yield* emit(...Array.from({ length: 120 }, (_, index) => said(deviceId, `628${index % 7}`, `${index}`)))
      yield* until("all", yield* allDone(webhook.id, 120))
      expect(receiver.at("/busy")).toHaveLength(120)
    }))

  it.effect("a message that alone is not taken steps aside, so that its chat goes on", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/poison"))
      receiver.answer("/poison", (response, { json }) => void response.writeHead(json.data.content === "poison" ? 500 : 200).end())
      yield* emit(said(deviceId, "6281", "poison"), said(deviceId, "6281", "behind"))
      yield* until("the first attempt", () => receiver.at("/poison").length === 1)
      yield* emit(said(deviceId, "6282", "fine"))
      const behind = () => receiver.at("/poison").some(({ json }) => json.data.content === "behind")
      yield* until("some attempts", () => receiver.at("/poison").length >= 5, "10 seconds")
      expect(behind()).toBe(false)
      yield* until("the message behind it", behind, "10 seconds")
      expect(receiver.at("/poison").filter(({ json }) => json.data.content === "poison")).toHaveLength(6)
      expect((yield* deliveries(webhook.id)).map(({ status }) => status)).toEqual(["delivered", "delivered", "pending"])
    }))

  it.effect("an event has one delivery at an endpoint, however often it is put there; a replay has the same id", () =>
    Effect.gen(function*() {
      const receiver = yield* TheReceiver
      const all = yield* WebhookDeliveries
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, receiver.url("/once"))
      yield* emit(said(deviceId, "6281", "x"))
      yield* until("the event", yield* allDone(webhook.id, 1))
      const [delivery] = yield* deliveries(webhook.id)
      const again = { webhookId: webhook.id, messageId: newMessageId(), eventId: delivery!.eventId, eventType: "message.received", deviceId, body: null, lane: "x" }
      yield* all.put([again, again])
      expect(yield* deliveries(webhook.id)).toEqual([delivery])
      yield* all.replay(webhook.id, delivery!.id)
      yield* until("the replay", () => receiver.at("/once").length === 2)
      yield* all.put([again], { again: true })
      yield* until("the second replay", () => receiver.at("/once").length === 3)
      expect(new Set(receiver.at("/once").map(idOf)).size).toBe(1)
      expect((yield* deliveries(webhook.id)).map(({ id }) => id)).toEqual([delivery!.id])
    }))
})
