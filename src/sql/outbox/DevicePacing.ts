import { SqlClient } from "@effect/sql"
import { Clock, Context, type DateTime, Effect, Layer, Option, Schema } from "effect"
import { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { day } from "../../domain/Pace.ts"
import { PacingChoice } from "../../domain/Pacing.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import type { OutboxRow } from "./Outbox.ts"
import { holding } from "./OutboxPace.ts"

export interface DevicePace {
  /** what is set for the device; null: nothing, it keeps to the service's defaults */
  readonly choice: PacingChoice | null
  /** milliseconds; since when its account is linked */
  readonly pairedAt: number | null
}

/** What is set of devices' pacing. */
export class DevicePacing extends Context.Tag("whatsapp-service/DevicePacing")<DevicePacing, {
  readonly get: (deviceId: DeviceId) => Effect.Effect<DevicePace, DeviceNotFound | StorageUnavailable>
  /** How many messages have been given to the socket in the last minute, hour and day, and how many new chats they began. */
  readonly used: (deviceId: DeviceId) => Effect.Effect<typeof Used.Type, StorageUnavailable>
  /** Replaces it; what was held for the cap of new chats is looked at anew. Joins the caller's transaction. */
  readonly set: (deviceId: DeviceId, choice: PacingChoice | null) => Effect.Effect<void, DeviceNotFound | StorageUnavailable>
  /** Puts rows back that its cap of new chats does not let go before `until`; false: not so, since `choice` is not what is set any more. */
  readonly hold: (
    deviceId: DeviceId,
    choice: PacingChoice | null,
    rows: ReadonlyArray<OutboxRow>,
    until: DateTime.Utc
  ) => Effect.Effect<boolean, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    DevicePacing,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const through = (yield* makeDialect).through("messages_claimed")
      const lock = yield* makeDeviceLock

      const get = Effect.fn("DevicePacing.get")(function*(deviceId: DeviceId) {
        const rows = yield* sql`SELECT pacing, paired_at FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        const [row] = yield* decode(rows)
        return row === undefined ? yield* new DeviceNotFound({ deviceId }) : { choice: row.pacing, pairedAt: row.pairedAt }
      }, atBoundary)

      const hold = Effect.fn("DevicePacing.hold")(
        function*(deviceId: DeviceId, choice: PacingChoice | null, rows: ReadonlyArray<OutboxRow>, until: DateTime.Utc) {
          // held after a change, they would be held for ever: only the change lets them go
          if (Option.isNone(yield* lock.byId(deviceId)) || !isSame((yield* get(deviceId)).choice, choice)) return false
          yield* holding(sql, rows, "new_chats", until)
          return true
        },
        Effect.catchTag("DeviceNotFound", () => Effect.succeed(false)),
        sql.withTransaction,
        retryConflicts,
        atBoundary
      )

      const set = Effect.fn("DevicePacing.set")(function*(deviceId: DeviceId, choice: PacingChoice | null) {
        if (Option.isNone(yield* lock.byId(deviceId))) return yield* new DeviceNotFound({ deviceId })
        yield* sql`UPDATE whatsapp_sessions SET ${
          sql.update({ pacing: choice === null ? null : encode(choice), updatedAt: yield* Clock.currentTimeMillis })
        } WHERE device_id = ${deviceId}`
        yield* sql`UPDATE messages SET send_at = due_at, held_for = NULL WHERE queue = ${deviceId} AND held_for = 'new_chats'`
      }, sql.withTransaction, retryConflicts, atBoundary)

      const used = Effect.fn("DevicePacing.used")(function*(deviceId: DeviceId) {
        const now = yield* Clock.currentTimeMillis
        const since = (millis: number) => sql.literal(`CAST(COALESCE(SUM(CASE WHEN claimed_at > ${now - millis} THEN 1 ELSE 0 END), 0) AS SIGNED)`)
        const rows = yield* sql`SELECT ${since(60_000)} AS minute, ${since(3_600_000)} AS hour, COUNT(*) AS day,
            CAST(COALESCE(SUM(opens_chat), 0) AS SIGNED) AS new_chats
          FROM messages ${through} WHERE device_id = ${deviceId} AND claimed_at > ${now - day}`
        return (yield* decodeUsed(rows))[0]
      }, atBoundary)

      return DevicePacing.of({ get, used, set, hold })
    })
  )
}

const Used = Schema.Struct({ minute: Schema.Int, hour: Schema.Int, day: Schema.Int, newChats: Schema.Int })
const decodeUsed = Schema.decodeUnknown(Schema.Tuple(Used))
const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({
  pacing: Schema.NullOr(Schema.parseJson(PacingChoice)),
  pairedAt: Schema.NullOr(Schema.Int)
})))
const isSame = Schema.equivalence(Schema.NullOr(PacingChoice))
const encode = Schema.encodeSync(Schema.parseJson(PacingChoice))
