import { Effect, Schema } from "effect"
import { type Device, DeviceReason, DeviceStatus, Restriction, Wanted } from "../domain/Device.ts"
import { DeviceId } from "../domain/DeviceId.ts"
import { Jid } from "../domain/Jid.ts"
import { PhoneNumber } from "../domain/PhoneNumber.ts"
import { qrDataUrl } from "../domain/QrImage.ts"
import { UserId } from "../domain/User.ts"

const state = {
  deviceId: DeviceId,
  deviceName: Schema.String,
  phoneNumber: Schema.NullOr(PhoneNumber),
  status: DeviceStatus,
  reason: Schema.NullOr(DeviceReason),
  reasonText: Schema.NullOr(Schema.String),
  since: Schema.DateTimeUtc,
  retryAt: Schema.NullOr(Schema.DateTimeUtc),
  restriction: Schema.NullOr(Restriction),
  wanted: Wanted,
  isConnected: Schema.Boolean,
  lastSeen: Schema.NullOr(Schema.DateTimeUtc)
}

/** A device's state, as `status`, `connect` and `disconnect` tell it. */
export const DeviceStateView = Schema.Struct(state).annotations({ identifier: "DeviceState" })

/** A device as lists and `GET …/:deviceId` show it. Codes to pair with are asked for by their own endpoints. */
export const DeviceView = Schema.Struct({
  id: Schema.Int,
  userId: UserId,
  ...state,
  jid: Schema.NullOr(Jid),
  lid: Schema.NullOr(Jid),
  pushName: Schema.NullOr(Schema.String),
  /** whether the service keeps it online */
  isActive: Schema.Boolean,
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}).annotations({ identifier: "Device" })

/** `qr` is the text of the code, `qrCode` the same as a PNG data URL; both only while there is a code to scan. */
export const ConnectedView = Schema.Struct({
  ...state,
  qr: Schema.optional(Schema.String),
  qrCode: Schema.optional(Schema.String),
  qrExpiresAt: Schema.optional(Schema.NullOr(Schema.DateTimeUtc))
}).annotations({ identifier: "ConnectAnswer" })

export const deviceState = (device: Device): typeof DeviceStateView.Type => ({
  deviceId: device.deviceId,
  deviceName: device.deviceName,
  phoneNumber: device.phoneNumber,
  status: device.status,
  reason: device.reason,
  reasonText: device.reasonText,
  since: device.since,
  retryAt: device.retryAt,
  restriction: device.restriction,
  wanted: device.wanted,
  isConnected: device.isConnected,
  lastSeen: device.lastSeen
})

export const deviceView = (device: Device): typeof DeviceView.Type => ({
  id: device.id,
  userId: device.userId,
  ...deviceState(device),
  jid: device.jid,
  lid: device.lid,
  pushName: device.pushName,
  isActive: device.wanted === "online",
  createdAt: device.createdAt,
  updatedAt: device.updatedAt
})

export const connectedView = (device: Device): Effect.Effect<typeof ConnectedView.Type> =>
  device.qr === null
    ? Effect.succeed(deviceState(device))
    : Effect.map(qrDataUrl(device.qr), (qrCode) => ({
      ...deviceState(device),
      qr: device.qr!,
      qrCode,
      qrExpiresAt: device.qrExpiresAt
    }))
