import { Effect, Metric, MetricBoundaries } from "effect"
import { DeliveryError } from "../../domain/WebhookDelivery.ts"

const attempts = Metric.counter("whatsapp_webhook_attempts_total", {
  description: "Requests to webhooks by result, in this process",
  incremental: true
})
const seconds = Metric.histogram(
  "whatsapp_webhook_attempt_seconds",
  MetricBoundaries.fromIterable([0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30]),
  "How long webhooks take to answer, or not to"
)
const disabled = Metric.counter("whatsapp_webhooks_disabled_total", {
  description: "Webhooks that were disabled since they answered 410 or failed for days",
  incremental: true
})

export const attemptCount = (error: DeliveryError | null, millis: number) =>
  Effect.zipRight(Metric.update(Metric.tagged(attempts, "result", error ?? "delivered"), 1), Metric.update(seconds, millis / 1000))
export const disabledCount = Metric.update(disabled, 1)

/** A counter that appears with its first count hides that one from `rate()`. */
export const beginAtZero = Effect.all([
  ...["delivered", ...DeliveryError.literals].map((result) => Metric.update(Metric.tagged(attempts, "result", result), 0)),
  // an empty histogram is there once somebody has looked at it
  Metric.value(seconds),
  Metric.update(disabled, 0)
], { discard: true })
