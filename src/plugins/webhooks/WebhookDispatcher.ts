import { Context, Effect, FiberMap, Layer, PubSub, Schedule, type Scope, Stream } from "effect"
import type { WebhookId } from "../../domain/Webhook.ts"
import type { DeliveryId } from "../../domain/WebhookDelivery.ts"
import { WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../sql/webhooks/Webhooks.ts"
import { WebhookSender } from "./WebhookSender.ts"

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
        const workers = yield* FiberMap.make<string>()
        const inFlight = new Map<WebhookId, { readonly busy: Set<DeliveryId>; readonly turn: Effect.Semaphore }>()

        /**
         * One worker of an endpoint at a time, and without what was in flight before the question: the answer may be older than
         * the end of an attempt, and would have it made once more.
         */
        const take = Effect.fnUntraced(function*(webhookId: WebhookId, busy: Set<DeliveryId>) {
          const found = yield* deliveries.next(webhookId, new Set(busy))
          if (found.delivery !== undefined) busy.add(found.delivery.id)
          return found
        })

        const start = (webhookId: WebhookId, slot: number): Effect.Effect<void> =>
          Effect.asVoid(FiberMap.run(workers, `${webhookId}/${slot}`, worker(webhookId, slot), { onlyIfMissing: true }))

        const one = Effect.fnUntraced(function*(webhookId: WebhookId, slot: number) {
          const { busy, turn } = inFlight.get(webhookId) ?? { busy: new Set<DeliveryId>(), turn: Effect.unsafeMakeSemaphore(1) }
          inFlight.set(webhookId, { busy, turn })
          const { delivery, more } = yield* turn.withPermits(1)(take(webhookId, busy))
          if (delivery === undefined) return false
          const release = Effect.sync(() => busy.delete(delivery.id))
          if (more && slot + 1 < requestsEach) yield* start(webhookId, slot + 1)
          const outcome = yield* inAll.withPermits(1)(sender.attempt(delivery, slot === 0)).pipe(Effect.ensuring(release))
          return outcome === "done"
        })

        const worker = (webhookId: WebhookId, slot: number): Effect.Effect<void> =>
          one(webhookId, slot).pipe(
            // now and then the coordinator asks whether the endpoint's user is still active
            Effect.repeat({ while: (goOn) => goOn, schedule: Schedule.recurs(deliveriesAtOnce) }),
            Effect.asVoid,
            Effect.catchAllCause((cause) => Effect.logWarning("Webhooks could not be sent; trying again", cause)),
            Effect.annotateLogs({ webhookId })
          )

        const woken = Stream.unwrapScoped(Effect.map(PubSub.subscribe(wakes), (queue) => Stream.fromQueue(queue)))
        yield* Stream.merge(woken, Stream.tick("1 second")).pipe(
          Stream.runForEach(() =>
            webhooks.ready.pipe(
              Effect.flatMap(Effect.forEach((webhookId) => start(webhookId, 0), { discard: true })),
              Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Webhooks could not be looked for; trying again", error))
            )
          )
        )
      })

      return WebhookDispatcher.of({ wake: Effect.asVoid(PubSub.publish(wakes, undefined)), run })
    })
  )
}

/** Requests to one endpoint at the same time, each about another chat; and to all together. */
const requestsEach = 4
const requestsInAll = 512
const deliveriesAtOnce = 100
