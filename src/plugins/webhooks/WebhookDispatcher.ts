import { Clock, Context, Effect, FiberMap, FiberSet, Layer, PubSub, type Scope, Stream } from "effect"
import type { WebhookId } from "../../domain/Webhook.ts"
import type { DeliveryId } from "../../domain/WebhookDelivery.ts"
import { WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../sql/webhooks/Webhooks.ts"
import { type ReadyDelivery, WebhookSender } from "./WebhookSender.ts"

/** Sends what is due: each endpoint with workers of its own, so that one that is slow or away holds up no other. */
export class WebhookDispatcher extends Context.Tag("whatsapp-service/WebhookDispatcher")<WebhookDispatcher, {
  /** There is something new to send; what becomes due by itself, and what other processes put in, is seen within a second. */
  readonly wake: Effect.Effect<void>
  /** Sends until it is interrupted. */
  readonly run: Effect.Effect<void, never, Scope.Scope>
}>() {
  static readonly layer = Layer.effect(
    WebhookDispatcher,
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const deliveries = yield* WebhookDeliveries
      const sender = yield* WebhookSender
      const wakes = yield* PubSub.sliding<void>(1)
      const inAll = yield* Effect.makeSemaphore(requestsInAll)

      const run = Effect.gen(function*() {
        const settling = yield* FiberSet.make()
        // what has been sent is not sent again for want of a moment
        yield* Effect.addFinalizer(() => FiberSet.awaitEmpty(settling).pipe(Effect.interruptible, Effect.timeout(lastWordsWithin), Effect.ignore))
        const workers = yield* FiberMap.make<string>()
        const endpoints = new Map<WebhookId, Endpoint>()
        const endpointOf = (webhookId: WebhookId) => {
          const endpoint = endpoints.get(webhookId) ?? new Endpoint()
          endpoints.set(webhookId, endpoint)
          return endpoint
        }

        /**
         * One worker of an endpoint at a time, and without what was in flight before the question: the answer may be older than
         * the end of an attempt, and would have it made once more.
         */
        const take = Effect.fnUntraced(function*(webhookId: WebhookId, endpoint: Endpoint) {
          const now = yield* Clock.currentTimeMillis
          if (Math.abs(now - endpoint.readAt) >= goodFor) endpoint.forget()
          while (endpoint.ready.length === 0 && endpoint.mayHaveMore) {
            endpoint.mayHaveMore = false
            const rows = yield* deliveries.next(webhookId, { except: new Set(endpoint.busy), limit: readAhead })
            if (rows.length === readAhead) endpoint.mayHaveMore = true
            if (rows.length > 0) endpoint.expect(yield* sender.prepare(webhookId, rows), now)
          }
          return endpoint.ready.shift()
        })

        const start = (webhookId: WebhookId, slot: number): Effect.Effect<void> =>
          Effect.asVoid(FiberMap.run(workers, `${webhookId}/${slot}`, worker(webhookId, slot), { onlyIfMissing: true }))

        /** By a worker that is free, if there is one; those that are at it see it when they are done. */
        const lookAgain = Effect.fnUntraced(function*(webhookId: WebhookId) {
          endpointOf(webhookId).mayHaveMore = true
          for (let slot = 0; slot < requestsEach; slot++) {
            if (!(yield* FiberMap.has(workers, `${webhookId}/${slot}`))) return yield* start(webhookId, slot)
          }
        })

        const one = Effect.fnUntraced(function*(webhookId: WebhookId, slot: number) {
          const endpoint = endpointOf(webhookId)
          const next = yield* endpoint.turn.withPermits(1)(take(webhookId, endpoint))
          if (next === undefined) return false
          const release = Effect.sync(() => endpoint.busy.delete(next.delivery.id))
          if (endpoint.ready.length > 0 && slot + 1 < requestsEach) yield* start(webhookId, slot + 1)
          const { outcome, settle } = yield* inAll.withPermits(1)(sender.attempt(next, slot === 0)).pipe(Effect.onError(() => release))
          const settled = Effect.ensuring(settle, release)
          if (outcome === "done") {
            // requests about other chats need not wait for it
            yield* endpoint.unsettled.take(1)
            yield* FiberSet.run(
              settling,
              settled.pipe(
                Effect.ensuring(endpoint.unsettled.release(1)),
                Effect.zipRight(lookAgain(webhookId)),
                told,
                Effect.annotateLogs({ webhookId })
              )
            )
            return true
          }
          yield* settled
          // what the others were prepared with is no longer so
          endpoint.forget()
          return outcome === "failed"
        })

        const isWorking = (webhookId: WebhookId) =>
          Array.from({ length: requestsEach }).some((_, slot) => FiberMap.unsafeHas(workers, `${webhookId}/${slot}`))
        /** Among them are those that have been removed. */
        const forgetIdle = () => {
          for (const [webhookId, { busy }] of endpoints) {
            if (busy.size === 0 && !isWorking(webhookId)) endpoints.delete(webhookId)
          }
        }

        const worker = (webhookId: WebhookId, slot: number): Effect.Effect<void> =>
          one(webhookId, slot).pipe(
            Effect.repeat({ while: (goOn) => goOn }),
            told,
            Effect.annotateLogs({ webhookId })
          )

        const woken = Stream.unwrapScoped(Effect.map(PubSub.subscribe(wakes), (queue) => Stream.fromQueue(queue)))
        yield* Stream.merge(woken, Stream.tick("1 second")).pipe(
          Stream.runForEach(() =>
            Effect.sync(forgetIdle).pipe(
              Effect.zipRight(webhooks.ready),
              Effect.flatMap(Effect.forEach(lookAgain, { discard: true })),
              Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Webhooks could not be looked for; trying again", error))
            )
          )
        )
      })

      return WebhookDispatcher.of({ wake: Effect.asVoid(PubSub.publish(wakes, undefined)), run })
    })
  )
}

/** What an endpoint's workers share. */
class Endpoint {
  /** in flight, or read ahead */
  readonly busy = new Set<DeliveryId>()
  readonly turn = Effect.unsafeMakeSemaphore(1)
  /** Bounds what has been sent and is not written down yet. */
  readonly unsettled = Effect.unsafeMakeSemaphore(unsettledEach)
  /** Each of another lane. */
  readonly ready: Array<ReadyDelivery> = []
  readAt = 0
  /** Something may have become due since a worker has last looked. */
  mayHaveMore = true

  expect(ready: ReadonlyArray<ReadyDelivery>, readAt: number): void {
    for (const { delivery } of ready) this.busy.add(delivery.id)
    this.ready.push(...ready)
    this.readAt = readAt
  }

  forget(): void {
    this.mayHaveMore ||= this.ready.length > 0
    for (const { delivery } of this.ready.splice(0)) this.busy.delete(delivery.id)
  }
}

/** Requests to one endpoint at the same time, each about another chat; and to all together. */
const requestsEach = 4
const requestsInAll = 512
/** Deliveries that are read with one look at the tables, and how long that look is believed, in milliseconds. */
const readAhead = 32
const goodFor = 1000
const unsettledEach = 32
const lastWordsWithin = "5 seconds"

const told = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.asVoid(effect).pipe(Effect.catchAllCause((cause) => Effect.logWarning("Webhooks could not be sent; trying again", cause)))
