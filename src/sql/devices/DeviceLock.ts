import { SqlClient } from "@effect/sql"
import { Effect, Option, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { UserId } from "../../domain/User.ts"
import { makeDialect } from "../database/Dialect.ts"
import { OpenTransaction } from "../database/OpenTransaction.ts"

export const LockedDevice = Schema.Struct({
  id: Schema.Int,
  deviceId: DeviceId,
  userId: UserId,
  phoneNumber: Schema.NullOr(PhoneNumber),
  lid: Schema.NullOr(Jid),
  ownerEpoch: Schema.Int,
  wanted: Schema.String,
  lastSeen: Schema.NullOr(Schema.Int)
})
export type LockedDevice = typeof LockedDevice.Type

const decode = Schema.decodeUnknown(Schema.Array(LockedDevice))

/**
 * Every transaction that writes for a device locks its row first. Writers of one device so come one after the other, in
 * every process: none of them sees half of another's contacts or statuses, and they cannot deadlock among themselves.
 */
export const makeDeviceLock = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const columns = sql.literal("id, device_id, user_id, phone_number, lid, owner_epoch, wanted, last_seen")
  const only = Effect.fnUntraced(function*(rows: ReadonlyArray<unknown>) {
    const [device] = yield* decode(rows)
    if (device !== undefined) (yield* OpenTransaction)?.owners.set(device.deviceId, device.userId)
    return Option.fromNullable(device)
  })

  return {
    byId: (deviceId: DeviceId) =>
      Effect.flatMap(sql`SELECT ${columns} FROM whatsapp_sessions WHERE device_id = ${deviceId} ${dialect.forUpdate}`, only)
  }
})
