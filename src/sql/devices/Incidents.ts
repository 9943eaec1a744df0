import { SqlClient } from "@effect/sql"
import { Clock, Effect, Schema } from "effect"
import { day, hour } from "../../domain/Pace.ts"
import { Incident, IncidentKind } from "../../domain/DeviceHealth.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

/** Milliseconds in which incidents are counted together. */
const piece = 300_000
const bucketOf = (at: number) => Math.floor(at / piece)

const decode = Schema.decodeUnknown(Schema.Array(Incident))
const decodeOfDevices = Schema.decodeUnknown(Schema.Array(
  Schema.Struct({ deviceId: Schema.String, kind: IncidentKind, lastHour: Schema.Int, lastDay: Schema.Int })
))

/** What goes wrong with devices, counted as it happens. A statement only where something does. */
export const makeIncidents = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { limit, onMysql } = yield* makeDialect
  const adding = sql.literal(onMysql
    ? "ON DUPLICATE KEY UPDATE count = count + VALUES(count)"
    : "ON CONFLICT (device_id, bucket, kind, code) DO UPDATE SET count = device_incidents.count + excluded.count")

  return {
    /** Joins the caller's transaction. */
    add: Effect.fnUntraced(function*(deviceId: DeviceId, found: ReadonlyArray<Incident>) {
      if (found.length === 0) return
      const bucket = bucketOf(yield* Clock.currentTimeMillis)
      const counts = Map.groupBy(found, ({ code, kind }) => `${kind} ${code}`)
      const rows = [...counts.values()].map((alike) => ({
        deviceId, bucket, kind: alike[0]!.kind, code: alike[0]!.code.slice(0, 32), count: alike.reduce((sum, { count }) => sum + count, 0)
      }))
      yield* sql`INSERT INTO device_incidents ${sql.insert(rows)} ${adding}`
      yield* sql`DELETE FROM device_incidents WHERE device_id = ${deviceId} AND bucket < ${bucket - 2 * day / piece}`
    }),

    /** In the last so many milliseconds, give or take five minutes. */
    since: Effect.fn("Incidents.since")(function*(deviceId: DeviceId, millis: number) {
      const from = bucketOf((yield* Clock.currentTimeMillis) - millis)
      return yield* decode(
        yield* sql`SELECT kind, code, CAST(SUM(count) AS SIGNED) AS count FROM device_incidents WHERE device_id = ${deviceId} AND bucket > ${from}
          GROUP BY kind, code ORDER BY kind, code`
      )
    }, atBoundary),

    /** For the devices with most of them in the last day. */
    ofDevices: Effect.fn("Incidents.ofDevices")(function*(devices: number) {
      const now = yield* Clock.currentTimeMillis
      const from = bucketOf(now - day)
      const most = sql`SELECT device_id FROM (SELECT device_id, SUM(count) AS total FROM device_incidents WHERE bucket > ${from}
        GROUP BY device_id ORDER BY total DESC, device_id ${limit(devices)}) most`
      return yield* decodeOfDevices(
        yield* sql`SELECT device_id, kind, CAST(SUM(count) AS SIGNED) AS last_day,
            CAST(SUM(CASE WHEN bucket > ${bucketOf(now - hour)} THEN count ELSE 0 END) AS SIGNED) AS last_hour
          FROM device_incidents WHERE bucket > ${from} AND device_id IN (${most})
          GROUP BY device_id, kind ORDER BY device_id, kind`
      )
    }, atBoundary)
  }
})

export const incident = (kind: IncidentKind, code: string | number | null): Incident => ({ kind, code: `${code ?? ""}`, count: 1 })
