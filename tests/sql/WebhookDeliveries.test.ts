import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Clock, DateTime, Effect, TestClock } from "effect"
import { expect } from "vitest"
import type { EventId } from "../../src/domain/ServiceEvent.ts"
import type { DeliveryAttempt } from "../../src/domain/WebhookDelivery.ts"
import { judge } from "../../src/plugins/webhooks/RetryPolicy.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { EventRetention } from "../../src/sql/events/EventRetention.ts"
import { makeLastBefore } from "../../src/sql/events/EventTimes.ts"
import { type EndpointState, type NewDelivery, WebhookDeliveries } from "../../src/sql/webhooks/WebhookDeliveries.ts"
import type { DeliveryRow } from "../../src/sql/webhooks/WebhookDeliveryRow.ts"
import { Webhooks } from "../../src/sql/webhooks/Webhooks.ts"
import { WebhookId } from "../../src/domain/Webhook.ts"
import { emit, endpoint, owned, said } from "../plugins/world.ts"
import { describeDatabases } from "../support/databases.ts"
import { world } from "./world.ts"

const none = new Set<never>()
const day = 86_400_000
const shortOf = (rows: ReadonlyArray<{ readonly messageId: string }>) => rows.map(({ messageId }) => messageId.split("_")[2])

describeDatabases("webhook deliveries", (database) => {
  it.layer(world(database))((it) => {
    const scene = Effect.gen(function*() {
      const { deviceId, userId } = yield* owned
      const { webhook } = yield* endpoint(userId, "https://crm.example/")
      const log = yield* EventLog
      const texts = ["a1", "a2", "b1", "a3"]
      const before = yield* log.latest
      yield* emit(...texts.map((text) => said(deviceId, text.slice(0, 1), text)))
      const wanted = texts.map((text, index): NewDelivery => ({
        webhookId: webhook.id,
        messageId: `msg_${webhook.id}_${text}`,
        eventId: before + 1 + index as EventId,
        eventType: "message.received",
        deviceId,
        body: null,
        lane: text.slice(0, 1)
      }))
      return { deviceId, userId, webhook, wanted }
    })
    const tried = Effect.fnUntraced(function*(delivery: DeliveryRow, status: number) {
      const all = yield* WebhookDeliveries
      const attempt: DeliveryAttempt = { at: yield* DateTime.now, status, error: status === 200 ? null : "status", millis: 5, response: "é\u0000😀" }
      const [judgement] = yield* all.settle([{
        delivery,
        attempt,
        judge: judge({ attempt, delivery, retryAfter: undefined, disableAfter: 5 * day, chance: 0.5 })
      }])
      return judgement
    })

    it.effect("of each lane only the first is due; the next one follows when it is done, and an attempt counts once", () =>
      Effect.gen(function*() {
        const all = yield* WebhookDeliveries
        const { wanted, webhook } = yield* scene
        yield* all.put(wanted)
        yield* all.put(wanted.map((delivery) => ({ ...delivery, messageId: "another" })))
        const due = all.next(webhook.id, { except: none, limit: 10 })
        const start = yield* due
        expect(shortOf(start)).toEqual(["a1", "b1"])
        expect(shortOf(yield* all.next(webhook.id, { except: none, limit: 1 }))).toEqual(["a1"])
        expect((yield* tried(start[0]!, 500))?.status).toBe("pending")
        const left = yield* due
        expect(shortOf(left)).toEqual(["b1"])
        yield* TestClock.adjust("6 seconds")
        const [again] = yield* all.next(webhook.id, { except: new Set([left[0]!.id]), limit: 1 })
        expect(shortOf([again!])).toEqual(["a1"])
        expect((yield* tried(again!, 200))?.status).toBe("delivered")
        expect(yield* tried(again!, 200)).toBeUndefined()
        expect(shortOf(yield* due).toSorted()).toEqual(["a2", "b1"])
        const [log] = (yield* all.list(webhook.id, { status: "delivered", limit: 10 }))
        expect(yield* all.attempts(log!.id)).toMatchObject([{ status: 500, error: "status" }, { status: 200, error: null, response: "é\u0000😀" }])
        expect(yield* all.oldestNeeded).toBeLessThanOrEqual(wanted[1]!.eventId!)
      }))

    it.effect("attempts at several endpoints are settled together: each counts once and by what was before it", () =>
      Effect.gen(function*() {
        const all = yield* WebhookDeliveries
        const webhooks = yield* Webhooks
        const { deviceId, userId, wanted, webhook } = yield* scene
        const other = (yield* endpoint(userId, "https://other.example/")).webhook
        yield* all.put([...wanted, ...wanted.map((delivery) => ({ ...delivery, webhookId: other.id, messageId: `msg_${other.id}_${shortOf([delivery])[0]}` }))])
        yield* all.put([{ ...wanted[0]!, webhookId: WebhookId.make(999_999), deviceId }])
        const due = (id: WebhookId) => all.next(id, { except: none, limit: 10 })
        const at = yield* DateTime.now
        const attempted = (delivery: DeliveryRow, status: number, later: number) => {
          const attempt = { at: DateTime.add(at, { millis: later }), status, error: status < 300 ? null : "status" as const, millis: 5, response: "" }
          return { delivery, attempt, judge: judge({ attempt, delivery, retryAfter: undefined, disableAfter: 5 * day, chance: 0.5 }) }
        }
        const [a, b] = yield* due(webhook.id)
        const [c, d] = yield* due(other.id)
        const judgements = yield* all.settle([
          attempted(a!, 200, 1), attempted(c!, 500, 2), attempted(b!, 201, 3), attempted(d!, 500, 4), attempted(a!, 500, 5)
        ])
        expect(judgements.map((judgement) => judgement?.status)).toEqual(["delivered", "pending", "delivered", "pending", undefined])
        expect(judgements.map((judgement) => judgement?.endpoint.failures)).toEqual([0, 1, 0, 2, undefined])
        const delivered = yield* all.list(webhook.id, { status: "delivered", limit: 10 })
        expect(delivered.map(({ attempts, lastAttemptAt, lastError, lastStatus }) => [attempts, lastAttemptAt, lastError, lastStatus])).toEqual([
          [1, DateTime.add(at, { millis: 3 }), null, 201], [1, DateTime.add(at, { millis: 1 }), null, 200]
        ])
        expect(yield* all.attempts(delivered[1]!.id)).toHaveLength(1)
        expect(shortOf(yield* due(webhook.id))).toEqual(["a2"])
        expect(yield* due(other.id)).toEqual([])
        expect([(yield* webhooks.get(webhook.id)).failures, (yield* webhooks.get(other.id)).failures]).toEqual([0, 2])
      }))

    it.effect("the endpoint's headers and secrets come back as they were given, of secrets the last two for as long as they overlap", () =>
      Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const { userId } = yield* owned
        const { secret, webhook } = yield* endpoint(userId, "https://crm.example/", { headers: { authorization: "Bearer é" } })
        yield* webhooks.rotate(webhook.id, "whsec_two", 60_000)
        yield* webhooks.rotate(webhook.id, "whsec_three", 60_000)
        expect(yield* webhooks.target(webhook.id)).toMatchObject({ headers: { authorization: "Bearer é" }, secrets: ["whsec_three", "whsec_two"] })
        expect((yield* webhooks.target(webhook.id)).secrets).not.toContain(secret)
        yield* TestClock.adjust("61 seconds")
        expect((yield* webhooks.target(webhook.id)).secrets).toEqual(["whsec_three"])
        expect((yield* webhooks.listening([userId])).map(({ id }) => id)).toEqual([webhook.id])
        yield* webhooks.update(webhook.id, { enabled: false })
        expect(yield* webhooks.listening([userId])).toEqual([])
      }))

    it.effect("fail after the whole schedule, and are all sent again when somebody asks", () =>
      Effect.gen(function*() {
        const all = yield* WebhookDeliveries
        const { wanted, webhook } = yield* scene
        const began = yield* Clock.currentTimeMillis
        yield* all.put(wanted.slice(0, 2))
        let attempts = 0
        for (;;) {
          const [delivery] = yield* all.next(webhook.id, { except: none, limit: 1 })
          if (delivery === undefined) {
            yield* TestClock.adjust("1 hour")
            continue
          }
          if (shortOf([delivery])[0] !== "a1") break
          attempts += 1
          yield* tried(delivery, 500)
        }
        expect(attempts).toBe(16)
        expect(((yield* Clock.currentTimeMillis) - began) / 3_600_000).toBeGreaterThan(70)
        expect(shortOf(yield* all.list(webhook.id, { status: "failed", limit: 10 }))).toEqual(["a1"])
        expect(yield* all.replayFailed(webhook.id, 10)).toBe(1)
        expect(yield* all.list(webhook.id, { status: "failed", limit: 10 })).toEqual([])
      }))

    it.effect("are forgotten after their time, with their endpoint, or when they have waited too long", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const all = yield* WebhookDeliveries
        const webhooks = yield* Webhooks
        const { wanted, webhook } = yield* scene
        yield* all.put(wanted)
        yield* tried((yield* all.next(webhook.id, { except: none, limit: 1 }))[0]!, 200)
        const now = yield* Clock.currentTimeMillis
        const prune = (pendingBefore: number, doneBefore: number) => all.prune({ pendingBefore, doneBefore, limit: 100 })
        yield* prune(now - day, now - day)
        expect(yield* all.list(webhook.id, { limit: 10 })).toHaveLength(4)
        yield* prune(now + 1, 0)
        const expired = yield* all.list(webhook.id, { status: "failed", limit: 10 })
        expect([shortOf(expired), expired[0]!.lastError]).toEqual([["a3", "b1", "a2"], "expired"])
        expect(yield* all.next(webhook.id, { except: none, limit: 1 })).toEqual([])
        yield* prune(0, now + 1)
        expect(yield* all.list(webhook.id, { limit: 10 })).toEqual([])
        expect(yield* sql`SELECT id FROM webhook_attempts a WHERE NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.id = a.delivery_id)`).toEqual([])
        yield* all.put(wanted, { again: true })
        yield* webhooks.remove(webhook.id)
        yield* prune(0, 0)
        expect(yield* all.list(webhook.id, { limit: 10 })).toEqual([])
        yield* all.put(wanted)
        expect(yield* all.list(webhook.id, { limit: 10 })).toEqual([])
      }))

    it.effect("events are kept for their time, longer where they are needed, and the newest always", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const log = yield* EventLog
        const retention = yield* EventRetention
        const lastBefore = yield* makeLastBefore
        const { deviceId } = yield* owned
        yield* sql`DELETE FROM events`
        const oldest = (yield* log.latest) + 1
        yield* emit(...["1", "2", "3", "4"].map((text) => said(deviceId, "a", text)))
        const first = yield* log.oldest
        expect(oldest).toBe(1)
        yield* TestClock.adjust("40 days")
        const now = yield* Clock.currentTimeMillis
        yield* emit(said(deviceId, "a", "5"))
        expect([yield* lastBefore(now), yield* lastBefore(now + 1), yield* lastBefore(0)]).toEqual([first + 3, first + 4, first - 1])
        expect(yield* retention.prune({ needed: first + 2, limit: 100 })).toEqual({ removed: 2, neededRemoved: 0 })
        expect(yield* log.oldest).toBe(first + 2)
        expect(yield* retention.prune({ needed: undefined, limit: 1 })).toEqual({ removed: 1, neededRemoved: 0 })
        yield* TestClock.adjust("90 days")
        expect(yield* retention.prune({ needed: first + 3, limit: 100 })).toEqual({ removed: 1, neededRemoved: 1 })
        expect([yield* log.oldest, yield* log.latest]).toEqual([first + 4, first + 4])
        expect(yield* retention.prune({ needed: undefined, limit: 100 })).toEqual({ removed: 0, neededRemoved: 0 })
      }))
  })
})

const wait = (judgement: { readonly dueAt: number | null }) => judgement.dueAt === null ? null : judgement.dueAt - 1_000_000

it("what an attempt means", () => {
  const well: EndpointState = { failures: 0, failingSince: null, pausedUntil: null, lastSuccessAt: null }
  const at = DateTime.unsafeMake(1_000_000)
  const after = (status: number, endpoint: EndpointState, more: { readonly retryAfter?: number; readonly attempts?: number } = {}) =>
    judge({
      attempt: { at, status, error: status === 200 ? null : "status", millis: 0, response: null },
      delivery: { attempts: more.attempts ?? 0, firstAttemptAt: null, lane: "a" },
      retryAfter: more.retryAfter,
      disableAfter: 5 * day,
      chance: 0.5
    })(endpoint)
  expect(after(200, { ...well, failures: 7 })).toMatchObject({ status: "delivered", hasRecovered: true, endpoint: { failures: 0 } })
  expect(wait(after(500, well))).toBe(5000)
  // within bounds: no sooner than the schedule, no later than an hour
  expect(wait(after(429, well, { retryAfter: 1000 }))).toBe(5000)
  expect(wait(after(429, well, { retryAfter: 90_000 }))).toBe(90_000)
  expect(wait(after(503, well, { retryAfter: 10 * day }))).toBe(3_600_000)
  expect(after(429, well, { retryAfter: 90_000 }).endpoint.pausedUntil).toBe(1_090_000)
  expect(after(500, { ...well, failures: 3 }).endpoint.pausedUntil).toBeNull()
  expect(after(500, { ...well, failures: 4 }).endpoint.pausedUntil).toBe(1_015_000)
  expect(after(500, { ...well, failures: 40 }).endpoint.pausedUntil).toBe(1_300_000)
  expect(after(410, well)).toMatchObject({ status: "pending", disable: "gone" })
  expect(after(500, { ...well, failingSince: 1_000_000 - 5 * day }).disable).toBe("failing")
  expect(after(500, { ...well, failingSince: 1_000_001 - 5 * day }).disable).toBeNull()
  expect(after(500, well, { attempts: 15 })).toMatchObject({ status: "failed", dueAt: null })
})
