import { Duration, Effect, Metric, MetricBoundaries } from "effect"
import { DeviceReason } from "../domain/Device.ts"
import { type MessageId, SendFailure } from "../domain/Message.ts"

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

const failures = Metric.counter("whatsapp_messages_failed_total", {
  description: "Outgoing messages that failed for good, by code",
  incremental: true
})

const sendCount = (result: "sent" | "failed") => Metric.update(Metric.tagged(sends, "result", result), 1)

export const sendSucceeded = (took: Duration.Duration) =>
  Effect.zipRight(sendCount("sent"), Metric.update(seconds, Duration.toSeconds(took)))
export const sendFailed = (messageId: MessageId, { code, whatsapp }: SendFailure) =>
  Effect.logWarning("A message has failed").pipe(
    Effect.annotateLogs({ messageId, code, whatsapp }),
    Effect.zipRight(sendCount("failed")),
    Effect.zipRight(Metric.update(Metric.tagged(failures, "code", code), 1))
  )
export const closeCount = (reason: DeviceReason) => Metric.update(Metric.tagged(closes, "reason", reason), 1)
export const quarantinedCount = Metric.update(quarantined, 1)
export const projectedCount = (entries: number) => Metric.update(received, entries)

/** A counter that appears with its first count hides that one from `rate()`: all of them begin at zero. */
export const beginAtZero = Effect.all([
  ...DeviceReason.literals.map((reason) => Metric.update(Metric.tagged(closes, "reason", reason), 0)),
  ...SendFailure.fields.code.literals.map((code) => Metric.update(Metric.tagged(failures, "code", code), 0)),
  Metric.update(Metric.tagged(sends, "result", "sent"), 0),
  Metric.update(Metric.tagged(sends, "result", "failed"), 0),
  // an empty histogram is there once somebody has looked at it
  Metric.value(seconds),
  Metric.update(received, 0),
  Metric.update(quarantined, 0)
], { discard: true })
