import { Clock, Duration, Effect, Layer, Schedule } from "effect"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"
import { wholeNumber } from "../../domain/Settings.ts"
import type { Webhook } from "../../domain/Webhook.ts"
import { type NewDelivery, WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../sql/webhooks/Webhooks.ts"
import { laneOf } from "../eachInOrder.ts"
import { Plugins } from "../Plugins.ts"
import { cloudNews } from "./cloud/CloudNews.ts"
import { matches } from "./EventPattern.ts"
import { newMessageId } from "./Signature.ts"
import { WebhookDispatcher } from "./WebhookDispatcher.ts"
import { WebhookSender } from "./WebhookSender.ts"

/** Whether an event goes to an endpoint. */
export const concerns = (webhook: Webhook, event: ServiceEvent): boolean =>
  webhook.userId === event.userId && (webhook.deviceId === null || webhook.deviceId === event.deviceId) &&
  webhook.events.some((pattern) => matches(pattern, event.type)) &&
  (webhook.format !== "cloud-api" || cloudNews(event) !== undefined)

export const deliveryOf = (webhook: Webhook, event: ServiceEvent): NewDelivery => ({
  webhookId: webhook.id,
  messageId: newMessageId(),
  eventId: event.id,
  eventType: event.type,
  deviceId: event.deviceId,
  body: null,
  lane: laneOf(event).slice(0, longestLane)
})

/**
 * Every event becomes a delivery for each endpoint that wants it, and is sent until the endpoint takes it.
 *
 * The deliveries are made from the log, not in the event's own transaction: that one holds the lock that puts all events in
 * order, and would hold it for longer the more endpoints there are. Nothing is lost by it, since the cursor passes an event only
 * after its deliveries are written, and nothing is doubled, since an endpoint has one delivery of an event at most.
 */
const plugin = Layer.scopedDiscard(Effect.gen(function*() {
  const plugins = yield* Plugins
  const webhooks = yield* Webhooks
  const deliveries = yield* WebhookDeliveries
  const dispatcher = yield* WebhookDispatcher
  const keptDays = yield* wholeNumber("WEBHOOK_LOG_DAYS", { from: 1, to: 3650, fallback: 14 })

  const handle = Effect.fn("WebhooksPlugin.handle")(function*(events: ReadonlyArray<ServiceEvent>) {
    const listening = yield* webhooks.listening([...new Set(events.map(({ userId }) => userId))])
    const wanted = events.flatMap((event) => listening.filter((webhook) => concerns(webhook, event)).map((webhook) => deliveryOf(webhook, event)))
    yield* deliveries.put(wanted)
    if (wanted.length > 0) yield* dispatcher.wake
  })

  const prune = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    return yield* deliveries.prune({
      pendingBefore: now - Duration.toMillis(givenUpAfter),
      doneBefore: now - Duration.toMillis(Duration.days(keptDays)),
      limit: rowsAtOnce
    })
  }).pipe(
    Effect.repeat({ until: (removed) => removed < rowsAtOnce }),
    Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Old deliveries were not removed", error)),
    Effect.repeat(Schedule.jittered(Schedule.spaced("1 hour")))
  )

  yield* plugins.register({
    name: "webhooks",
    beginning: "now",
    repeatable: true,
    handle,
    work: Effect.raceFirst(dispatcher.run, prune).pipe(Effect.asVoid),
    needs: deliveries.oldestNeeded
  })
}))

export const layer = plugin.pipe(
  Layer.provideMerge(WebhookDispatcher.layer),
  Layer.provide(WebhookSender.layer)
)

/** Retries end after 72 hours; this is for what waited behind them, or at an endpoint that was disabled. */
const givenUpAfter = Duration.days(7)
const rowsAtOnce = 500
/** What the column takes. */
const longestLane = 191
