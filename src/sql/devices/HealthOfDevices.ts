import { SqlClient } from "@effect/sql"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import type { Device } from "../../domain/Device.ts"
import { type HealthPeriod, type Risk, riskOf } from "../../domain/DeviceHealth.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { day, hour } from "../../domain/Pace.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { makeIncidents } from "./Incidents.ts"

const Counts = Schema.Tuple(Schema.Struct({ sent: Schema.Int, delivered: Schema.Int }))

/** What has happened to a device of late, and what that says of its account. */
export class HealthOfDevices extends Context.Tag("whatsapp-service/HealthOfDevices")<HealthOfDevices, {
  readonly of: (device: Device) => Effect.Effect<
    { readonly hour: HealthPeriod; readonly day: HealthPeriod; readonly risk: Risk },
    StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    HealthOfDevices,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const incidents = yield* makeIncidents
      const through = (yield* makeDialect).through("messages_claimed")

      const period = Effect.fnUntraced(function*(deviceId: DeviceId, millis: number) {
        const from = (yield* Clock.currentTimeMillis) - millis
        const [counts] = yield* Effect.flatMap(
          sql`SELECT COUNT(sent_at) AS sent, COUNT(delivered_at) AS delivered FROM messages ${through}
            WHERE device_id = ${deviceId} AND claimed_at > ${from}`,
          Schema.decodeUnknown(Counts)
        )
        const deliveredRatio = counts.sent === 0 ? null : Math.round(counts.delivered / counts.sent * 1000) / 1000
        return { incidents: yield* incidents.since(deviceId, millis), ...counts, deliveredRatio }
      })

      return HealthOfDevices.of({
        of: Effect.fn("HealthOfDevices.of")(function*(device: Device) {
          const lastHour = yield* period(device.deviceId, hour)
          const lastDay = yield* period(device.deviceId, day)
          const risk = riskOf(device, lastHour, lastDay, yield* Clock.currentTimeMillis)
          return { hour: lastHour, day: lastDay, risk }
        }, atBoundary)
      })
    })
  )
}
