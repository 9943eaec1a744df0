import { Effect, Metric } from "effect"

const published = Metric.counter("whatsapp_amqp_published_total", {
  description: "Events handed to the broker by what became of it, in this process",
  incremental: true
})
const connected = Metric.gauge("whatsapp_amqp_connected", { description: "1 while this process is connected to the broker" })

const results = ["confirmed", "unroutable", "failed"] as const
export const publishedCount = (result: (typeof results)[number]) => Metric.update(Metric.tagged(published, "result", result), 1)
export const setConnected = (is: boolean) => Metric.set(connected, is ? 1 : 0)

/** A counter that appears with its first count hides that one from `rate()`. */
export const beginAtZero = Effect.all(
  [setConnected(false), ...results.map((result) => Metric.update(Metric.tagged(published, "result", result), 0))],
  { discard: true }
)
