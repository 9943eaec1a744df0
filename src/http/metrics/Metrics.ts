import { Clock, Context, Effect, Layer, Metric } from "effect"
import { beginAtZero } from "../../actors/ActorMetrics.ts"
import { DeviceReason, DeviceStatus } from "../../domain/Device.ts"
import { makeBacklog } from "../../sql/outbox/Backlog.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { makeIncidents } from "../../sql/devices/Incidents.ts"
import { EventHub } from "../events/EventHub.ts"
import { processMetrics } from "./ProcessMetrics.ts"
import { families, type Family, prometheusText } from "./PrometheusText.ts"

/** Each device is a label: a bound for what Prometheus has to keep. */
const mostDevices = 100

/** All figures of this process, as Prometheus reads them. */
export class Metrics extends Context.Tag("whatsapp-service/Metrics")<Metrics, {
  readonly text: Effect.Effect<string>
}>() {
  static readonly layer = Layer.scoped(
    Metrics,
    Effect.gen(function*() {
      const devices = yield* Devices
      const hub = yield* EventHub
      const ofProcess = yield* processMetrics

      const ofDevices = devices.countByStatus.pipe(
        Effect.timeout("2 seconds"),
        Effect.map((counts): ReadonlyArray<Family> => [{
          name: "whatsapp_devices",
          help: "Devices by status",
          type: "gauge",
          samples: DeviceStatus.literals.map((status) => ({
            labels: [["status", status]],
            value: counts.find((entry) => entry.status === status)?.count ?? 0
          }))
        }]),
        // a scrape says what it can: without the database there is no such figure, and `up` is not the place to tell
        Effect.orElseSucceed((): ReadonlyArray<Family> => [])
      )

      const backlog = yield* makeBacklog
      const ofBacklog = Effect.all([
        backlog.devices, backlog.outbox, backlog.journal, Clock.currentTimeMillis, backlog.webhooks, backlog.pausedWebhooks
      ]).pipe(
        Effect.timeout("2 seconds"),
        Effect.map(([waiting, outbox, journal, now, webhooks, pausedWebhooks]): ReadonlyArray<Family> => [
          {
            name: "whatsapp_devices_waiting",
            help: "Devices that are wanted online and are not connected, by reason",
            type: "gauge",
            samples: [null, ...DeviceReason.literals].map((reason) => ({
              labels: [["reason", reason ?? "none"]],
              value: waiting.find((entry) => entry.reason === reason)?.count ?? 0
            }))
          },
          age("whatsapp_outbox_oldest_due_seconds", "How long the message has been due that has waited longest to be sent", outbox, now),
          age("whatsapp_journal_oldest_seconds", "Age of the oldest inbound fact that is not yet a row and an event", journal, now),
          age("whatsapp_webhook_oldest_seconds", "How long the oldest event has waited to be taken by its webhook", webhooks, now),
          {
            name: "whatsapp_webhooks_paused",
            help: "Webhooks that get nothing for a while, or one delivery at a time, since they fail",
            type: "gauge",
            samples: [{ labels: [], value: pausedWebhooks }]
          }
        ]),
        Effect.orElseSucceed((): ReadonlyArray<Family> => [])
      )

      const incidents = yield* makeIncidents
      const ofIncidents = incidents.ofDevices(mostDevices).pipe(
        Effect.timeout("2 seconds"),
        Effect.map((found): ReadonlyArray<Family> => [{
          name: "whatsapp_device_incidents",
          help: "What went wrong in the last hour and in the last 24, of the hundred devices with most of it",
          type: "gauge",
          samples: found.flatMap(({ deviceId, kind, lastDay, lastHour }) => [
            { labels: [["device", deviceId], ["kind", kind], ["period", "hour"]], value: lastHour },
            { labels: [["device", deviceId], ["kind", kind], ["period", "day"]], value: lastDay }
          ])
        }]),
        Effect.orElseSucceed((): ReadonlyArray<Family> => [])
      )

      const ofStreams = Effect.map(hub.subscribers, (value): Family => ({
        name: "event_streams_open",
        help: "Event streams that clients have open",
        type: "gauge",
        samples: [{ labels: [], value }]
      }))

      yield* beginAtZero
      return Metrics.of({
        text: Effect.gen(function*() {
          const ours = families(yield* Metric.snapshot)
          return prometheusText([...(yield* ofProcess), ...(yield* ofDevices), ...(yield* ofBacklog), ...(yield* ofIncidents), yield* ofStreams, ...ours])
        })
      })
    })
  )
}

/** Zero while nothing waits; what is due later has not waited. */
const age = (name: string, help: string, since: number | null, now: number): Family => ({
  name,
  help,
  type: "gauge",
  samples: [{ labels: [], value: since === null ? 0 : Math.max(0, (now - since) / 1000) }]
})
