import { Duration, Metric, MetricBoundaries } from "effect"
import type { DeviceReason } from "../domain/Device.ts"

const sends = Metric.counter("whatsapp_messages_sent_total", {
  description: "Outgoing messages by result",
  incremental: true
})
const seconds = Metric.histogram(
  "whatsapp_send_ack_seconds",
  MetricBoundaries.fromIterable([0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
  "From writing a message to the socket to the server's acknowledgement"
)
const closes = Metric.counter("whatsapp_socket_closed_total", {
  description: "Sockets closed, by reason",
  incremental: true
})
const received = Metric.counter("whatsapp_journal_projected_total", {
  description: "Journal entries turned into rows and events",
  incremental: true
})
const quarantined = Metric.counter("whatsapp_journal_quarantined_total", {
  description: "Journal entries given up since the database refuses their rows",
  incremental: true
})

export const sendCount = (result: "sent" | "failed") => Metric.update(Metric.tagged(sends, "result", result), 1)
export const sendLatency = (took: Duration.Duration) => Metric.update(seconds, Duration.toSeconds(took))
export const closeCount = (reason: DeviceReason) => Metric.update(Metric.tagged(closes, "reason", reason), 1)
export const quarantinedCount = Metric.update(quarantined, 1)
export const projectedCount = (entries: number) => Metric.update(received, entries)
