import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { Jid } from "./Jid.ts"
import { PhoneNumber } from "./PhoneNumber.ts"
import { UserId } from "./User.ts"

export const DeviceStatus = Schema.Literal("disconnected", "connecting", "qr_required", "connected")
export type DeviceStatus = typeof DeviceStatus.Type

/** Why a device is not connected, or what limits it. `docs/operations.md` says what each asks of a person. */
export const DeviceReason = Schema.Literal(
  /** never paired, or its pairing was wiped */
  "not_paired",
  /** somebody asked for the disconnect */
  "stopped",
  /** waits for a QR scan or a pairing code to be entered */
  "pairing",
  /** nobody scanned in time */
  "pairing_timeout",
  /** WhatsApp asks for a passkey or otherwise refused to link */
  "pairing_refused",
  /** link or server trouble: the service reconnects by itself at `retryAt` */
  "connection_lost",
  "connection_refused",
  "server_unavailable",
  /** the same credentials are in use elsewhere; the service yields */
  "replaced",
  /** unlinked on the phone, or WhatsApp ended the pairing: pair again */
  "logged_out",
  /** temporarily banned until `restriction.until` */
  "banned",
  /** WhatsApp refuses this version of the client */
  "client_outdated",
  /** WhatsApp refuses how the client presents itself */
  "client_refused",
  /** WhatsApp closed the account: high suspicion of a ban */
  "account_locked",
  /** the stored credentials cannot be read: nothing is overwritten, a person must look */
  "credentials_unreadable",
  /** another process owns this device now */
  "owner_changed",
  /** the service could not write to its database */
  "storage_unavailable"
)
export type DeviceReason = typeof DeviceReason.Type

export const Restriction = Schema.Struct({
  kind: Schema.Literal("temporary_ban", "reachout_timelock", "new_chat_cap"),
  code: Schema.NullOr(Schema.Int),
  until: Schema.NullOr(Schema.DateTimeUtc)
})
export type Restriction = typeof Restriction.Type

/** What the owner wants; the supervisor makes it so. */
export const Wanted = Schema.Literal("online", "offline", "deleted")
export type Wanted = typeof Wanted.Type

/** The egress of one device, for socket and media: `http://`, `https://` or `socks5://`, with credentials if needed. */
export const ProxyUrl = Schema.String.pipe(
  Schema.maxLength(1024),
  Schema.filter((url) =>
    URL.canParse(url) && /^(https?|socks[45]h?|socks):$/.test(new URL(url).protocol)
      ? undefined
      : "a proxy URL begins with http://, https:// or socks5://"
  )
)

export class Device extends Schema.Class<Device>("Device")({
  id: Schema.Int,
  deviceId: DeviceId,
  userId: UserId,
  deviceName: Schema.String,
  phoneNumber: Schema.NullOr(PhoneNumber),
  jid: Schema.NullOr(Jid),
  lid: Schema.NullOr(Jid),
  pushName: Schema.NullOr(Schema.String),
  status: DeviceStatus,
  reason: Schema.NullOr(DeviceReason),
  /** one sentence for people beside `reason` */
  reasonText: Schema.NullOr(Schema.String),
  since: Schema.DateTimeUtc,
  retryAt: Schema.NullOr(Schema.DateTimeUtc),
  restriction: Schema.NullOr(Restriction),
  wanted: Wanted,
  qr: Schema.NullOr(Schema.String),
  qrExpiresAt: Schema.NullOr(Schema.DateTimeUtc),
  pairingCode: Schema.NullOr(Schema.String),
  pairingCodeExpiresAt: Schema.NullOr(Schema.DateTimeUtc),
  lastSeen: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {
  get isPaired() {
    return this.jid !== null
  }
  get isConnected() {
    return this.status === "connected"
  }
}

export class DeviceNotFound extends Schema.TaggedError<DeviceNotFound>()(
  "DeviceNotFound",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no device ${this.deviceId}.`
  }
}

export class DeviceExists extends Schema.TaggedError<DeviceExists>()(
  "DeviceExists",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `The device id ${this.deviceId} is taken.`
  }
}

export class DeviceAlreadyPaired extends Schema.TaggedError<DeviceAlreadyPaired>()(
  "DeviceAlreadyPaired",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `Device ${this.deviceId} is paired already; wipe it first to pair it with another phone.`
  }
}

/** There is no QR code or pairing code to show: the device is not in the middle of a pairing. */
export class NotPairing extends Schema.TaggedError<NotPairing>()(
  "NotPairing",
  { deviceId: Schema.String, status: DeviceStatus },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return this.status === "connected"
      ? `Device ${this.deviceId} is connected and needs no QR code.`
      : `Device ${this.deviceId} has no QR code now; connect it and ask again.`
  }
}

/** It lives in another process on the same database, which this one cannot ask: only what is stored can be had here. */
export class DeviceElsewhere extends Schema.TaggedError<DeviceElsewhere>()(
  "DeviceElsewhere",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 503 })
) {
  override get message() {
    return `Device ${this.deviceId} is run by another process of this service; ask that one.`
  }
}

/** What was asked for needs WhatsApp, and the device is not connected to it. */
export class DeviceNotConnected extends Schema.TaggedError<DeviceNotConnected>()(
  "DeviceNotConnected",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `Device ${this.deviceId} is not connected to WhatsApp; connect it and ask again.`
  }
}

/** WhatsApp did not answer a device's question, or refused it. */
export class WhatsAppUnanswered extends Schema.TaggedError<WhatsAppUnanswered>()(
  "WhatsAppUnanswered",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 502 })
) {
  override get message() {
    return `WhatsApp did not answer device ${this.deviceId}; try again.`
  }
}

/** The device's actor did not answer in time, or its process is changing hands. */
export class DeviceBusy extends Schema.TaggedError<DeviceBusy>()(
  "DeviceBusy",
  { deviceId: Schema.String },
  HttpApiSchema.annotations({ status: 503 })
) {
  override get message() {
    return `Device ${this.deviceId} did not answer in time; try again.`
  }
}
