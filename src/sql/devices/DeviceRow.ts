import { Schema } from "effect"
import { Device, DeviceReason, DeviceStatus, Restriction, Wanted } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { UserId } from "../../domain/User.ts"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)
const text = Schema.NullOr(Schema.String)

const DeviceRow = Schema.Struct({
  id: Schema.Int,
  deviceId: DeviceId,
  userId: UserId,
  deviceName: Schema.String,
  phoneNumber: Schema.NullOr(PhoneNumber),
  jid: Schema.NullOr(Jid),
  lid: Schema.NullOr(Jid),
  pushName: text,
  status: DeviceStatus,
  reason: Schema.NullOr(DeviceReason),
  reasonText: text,
  since: Schema.DateTimeUtcFromNumber,
  retryAt: time,
  restriction: Schema.NullOr(Schema.parseJson(Restriction)),
  wanted: Wanted,
  qr: text,
  qrExpiresAt: time,
  pairingCode: text,
  pairingCodeExpiresAt: time,
  lastSeen: time,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})

export const deviceColumns = `id, device_id, user_id, device_name, phone_number, jid, lid, push_name, status, reason,
  reason_text, since, retry_at, restriction, wanted, qr, qr_expires_at, pairing_code, pairing_code_expires_at, last_seen,
  created_at, updated_at`

/** Rows of `whatsapp_sessions` with {@link deviceColumns}. */
export const Devices = Schema.Array(
  Schema.transform(DeviceRow, Schema.typeSchema(Device), {
    strict: true,
    decode: (row) => new Device(row, { disableValidation: true }),
    encode: (device) => device
  })
)
export const decodeDevices = Schema.decodeUnknown(Devices)
export const encodeRestriction = Schema.encode(Schema.NullOr(Schema.parseJson(Restriction)))
