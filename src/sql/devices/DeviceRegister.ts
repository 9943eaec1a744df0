import { SqlClient } from "@effect/sql"
import { Clock, Effect, Random, Redacted, Schema } from "effect"
import { Cipher } from "../../domain/Cipher.ts"
import { DeviceExists, DeviceNotFound, DeviceStatus, Wanted } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { type UserId, UserNotFound } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { decodeDevices, deviceColumns } from "./DeviceRow.ts"
import { bytes, isDuplicate, makeDialect } from "../database/Dialect.ts"

const Counts = Schema.Array(Schema.Struct({ status: DeviceStatus, count: Schema.Int }))
const WantedRows = Schema.Array(Schema.Struct({ id: Schema.Int, deviceId: DeviceId, wanted: Wanted }))
const SettingsRows = Schema.Array(
  Schema.Struct({ proxyUrl: Schema.NullOr(Schema.Uint8ArrayFromSelf), browserName: Schema.NullOr(Schema.String) })
)
const Sequences = Schema.Array(Schema.Struct({ sequence: Schema.Int }))

const proxyPlace = (deviceId: DeviceId) => `whatsapp_sessions|${deviceId}|proxy_url`

/** The half of `Devices` that people use: devices come, are found and wanted. */
export const makeDeviceRegister = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const cipher = yield* Cipher
  const dialect = yield* makeDialect
  const columns = sql.literal(deviceColumns)

  const find = Effect.fnUntraced(function*(deviceId: DeviceId) {
    const rows = yield* sql`SELECT ${columns} FROM whatsapp_sessions WHERE device_id = ${deviceId}`
    const [device] = yield* decodeDevices(rows)
    return device ?? (yield* new DeviceNotFound({ deviceId }))
  })

  /** A removed device's id names its history, which must not pass to another user; its event numbers go on. */
  const previousSequence = Effect.fnUntraced(function*(deviceId: DeviceId, userId: UserId) {
    const foreign = sql`device_id = ${deviceId} AND user_id <> ${userId} LIMIT 1`
    const events = yield* sql`SELECT user_id FROM events WHERE ${foreign}`
    const messages = yield* sql`SELECT user_id FROM messages WHERE ${foreign}`
    if (events.length + messages.length > 0) return yield* new DeviceExists({ deviceId })
    const last = yield* sql`SELECT sequence FROM events WHERE device_id = ${deviceId} ORDER BY id DESC LIMIT 1`
    return (yield* Schema.decodeUnknown(Sequences)(last))[0]?.sequence ?? 0
  })

  const insert = Effect.fnUntraced(function*(
    input: { readonly userId: UserId; readonly deviceName: string; readonly browserName?: string | undefined },
    deviceId: DeviceId,
    proxyUrl: Redacted.Redacted | undefined
  ) {
    const users = yield* sql`SELECT id FROM users WHERE id = ${input.userId}`
    if (users.length === 0) return yield* new UserNotFound({ userId: input.userId })
    const eventSequence = yield* previousSequence(deviceId, input.userId)
    const now = yield* Clock.currentTimeMillis
    yield* sql`INSERT INTO whatsapp_sessions ${
      sql.insert({
        deviceId,
        userId: input.userId,
        deviceName: input.deviceName,
        status: "disconnected",
        reason: "not_paired",
        since: now,
        wanted: "offline",
        eventSequence,
        proxyUrl: proxyUrl === undefined ? null : sealed(deviceId, proxyUrl),
        browserName: input.browserName ?? null,
        createdAt: now,
        updatedAt: now
      })
    }`.pipe(Effect.catchIf(isDuplicate, () => new DeviceExists({ deviceId })))
    return yield* Effect.catchTag(find(deviceId), "DeviceNotFound", Effect.die)
  })
  const sealed = (deviceId: DeviceId, proxyUrl: Redacted.Redacted) =>
    bytes(cipher.encrypt(proxyPlace(deviceId), Buffer.from(Redacted.value(proxyUrl))))

  const generatedId = Effect.fnUntraced(function*(userId: UserId) {
    const now = yield* Clock.currentTimeMillis
    const digits = yield* Random.nextIntBetween(0, 100_000)
    return DeviceId.make(`device-${userId}-${now}-${`${digits}`.padStart(5, "0")}`)
  })

  return {
    create: Effect.fn("Devices.create")(function*(input: {
      readonly userId: UserId
      readonly deviceName: string
      readonly deviceId?: DeviceId | undefined
      readonly proxyUrl?: Redacted.Redacted | undefined
      readonly browserName?: string | undefined
    }) {
      const deviceId = input.deviceId ?? (yield* generatedId(input.userId))
      return yield* retryConflicts(sql.withTransaction(insert(input, deviceId, input.proxyUrl)))
    }, atBoundary),

    get: Effect.fn("Devices.get")(find, atBoundary),

    list: Effect.fn("Devices.list")(function*(filter: {
      readonly userId?: UserId | undefined
      readonly deviceIds?: ReadonlyArray<DeviceId> | undefined
      readonly status?: DeviceStatus | undefined
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const where = sql.and([
        sql`wanted <> 'deleted'`,
        sql`id > ${filter.after ?? 0}`,
        ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
        ...(filter.deviceIds === undefined ? [] : [sql.in("device_id", filter.deviceIds)]),
        ...(filter.status === undefined ? [] : [sql`status = ${filter.status}`])
      ])
      const limit = dialect.limit(filter.limit)
      const rows = yield* sql`SELECT ${columns} FROM whatsapp_sessions WHERE ${where} ORDER BY id ${limit}`
      return yield* decodeDevices(rows)
    }, atBoundary),

    countByStatus: sql`SELECT status, COUNT(*) AS count FROM whatsapp_sessions WHERE wanted <> 'deleted'
      GROUP BY status ORDER BY status`.pipe(Effect.flatMap(Schema.decodeUnknown(Counts)), atBoundary),

    wanted: sql`SELECT id, device_id, wanted FROM whatsapp_sessions
      WHERE wanted IN ('online', 'deleted') OR status <> 'disconnected' ORDER BY id`.pipe(Effect.flatMap(Schema.decodeUnknown(WantedRows)), atBoundary),

    setWanted: Effect.fn("Devices.setWanted")(function*(deviceId: DeviceId, wanted: Wanted) {
      const now = yield* Clock.currentTimeMillis
      // a deletion that has begun is not called back by a late connect
      yield* sql`UPDATE whatsapp_sessions SET wanted = ${wanted}, updated_at = ${now}
        WHERE device_id = ${deviceId} AND wanted <> 'deleted' AND wanted <> ${wanted}`
      return yield* find(deviceId)
    }, atBoundary),

    settings: Effect.fn("Devices.settings")(function*(deviceId: DeviceId) {
      const rows = yield* sql`SELECT proxy_url, browser_name FROM whatsapp_sessions WHERE device_id = ${deviceId}`
      const [row] = yield* Schema.decodeUnknown(SettingsRows)(rows)
      if (row === undefined) return yield* new DeviceNotFound({ deviceId })
      const proxyUrl = row.proxyUrl === null ? undefined : yield* cipher.decrypt(proxyPlace(deviceId), row.proxyUrl).pipe(
        Effect.map((plain) => Redacted.make(Buffer.from(plain).toString())),
        // going out without the proxy would show the wrong address to WhatsApp
        Effect.orDie
      )
      return { proxyUrl, browserName: row.browserName ?? undefined }
    }, atBoundary)
  }
})
