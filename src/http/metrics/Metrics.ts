import { Context, Effect, Layer, Metric } from "effect"
import { DeviceStatus } from "../../domain/Device.ts"
import { Devices } from "../../sql/Devices.ts"
import { EventHub } from "../events/EventHub.ts"
import { processMetrics } from "./ProcessMetrics.ts"
import { families, type Family, prometheusText } from "./PrometheusText.ts"

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

      const ofStreams = Effect.map(hub.subscribers, (value): Family => ({
        name: "event_streams_open",
        help: "Event streams that clients have open",
        type: "gauge",
        samples: [{ labels: [], value }]
      }))

      return Metrics.of({
        text: Effect.gen(function*() {
          const ours = families(yield* Metric.snapshot)
          return prometheusText([...(yield* ofProcess), ...(yield* ofDevices), yield* ofStreams, ...ours])
        })
      })
    })
  )
}
