import { Context, type DateTime, Effect, Layer, type Redacted } from "effect"
import type { Device, DeviceExists, DeviceNotFound, DeviceReason, DeviceStatus, Restriction, Wanted } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { OwnerChanged, StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId, UserNotFound } from "../../domain/User.ts"
import { makeDeviceOwnership } from "./DeviceOwnership.ts"
import { makeDeviceRegister } from "./DeviceRegister.ts"
import type { ShardLease } from "./ShardLeases.ts"

export interface DeviceState {
  readonly status: DeviceStatus
  readonly reason: DeviceReason | null
  readonly reasonText: string | null
  readonly retryAt: DateTime.Utc | null
  readonly restriction: Restriction | null
}

export interface Pairing {
  readonly jid: Jid
  readonly lid: Jid | null
  readonly phone: PhoneNumber
  readonly pushName: string | null
}

/** What only the device's actor needs to know; the proxy is stored encrypted. */
export interface DeviceSettings {
  readonly proxyUrl: Redacted.Redacted | undefined
  readonly browserName: string | undefined
}

/**
 * The `whatsapp_sessions` table. Methods that take an `epoch` are the owner's: an older owner is answered with
 * {@link OwnerChanged} and has written nothing. Each change of the visible state is an event in the same transaction.
 */
export class Devices extends Context.Tag("whatsapp-service/Devices")<Devices, {
  readonly create: (input: {
    readonly userId: UserId
    readonly deviceName: string
    readonly deviceId?: DeviceId | undefined
    readonly proxyUrl?: Redacted.Redacted | undefined
    readonly browserName?: string | undefined
  }) => Effect.Effect<Device, DeviceExists | UserNotFound | StorageUnavailable>
  readonly get: (deviceId: DeviceId) => Effect.Effect<Device, DeviceNotFound | StorageUnavailable>
  /** By id, at most `limit` after the row id `after`. Devices that are being deleted are left out. */
  readonly list: (filter: {
    readonly userId?: UserId | undefined
    readonly deviceIds?: ReadonlyArray<DeviceId> | undefined
    readonly status?: DeviceStatus | undefined
    readonly after?: number | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Device>, StorageUnavailable>
  readonly countByStatus: Effect.Effect<ReadonlyArray<{ readonly status: DeviceStatus; readonly count: number }>, StorageUnavailable>
  /** Ids of all devices that are wanted online or deleted, or whose state is not what is wanted, for the supervisor. */
  readonly wanted: Effect.Effect<ReadonlyArray<{ readonly id: number; readonly deviceId: DeviceId; readonly wanted: Wanted }>, StorageUnavailable>
  readonly setWanted: (deviceId: DeviceId, wanted: Wanted) => Effect.Effect<Device, DeviceNotFound | StorageUnavailable>
  readonly settings: (deviceId: DeviceId) => Effect.Effect<DeviceSettings, DeviceNotFound | StorageUnavailable>

  /** Takes the device over: raises its epoch, so that every earlier owner's writes are refused from now on. */
  readonly claim: (deviceId: DeviceId) => Effect.Effect<{ readonly epoch: number; readonly device: Device }, DeviceNotFound | StorageUnavailable>
  /** The same for as long as nobody else holds the lease: a process that slept through its end takes nothing back. */
  readonly claimUnder: (lease: ShardLease, deviceId: DeviceId) => Effect.Effect<{ readonly epoch: number; readonly device: Device }, DeviceNotFound | OwnerChanged | StorageUnavailable>
  readonly owns: (deviceId: DeviceId, epoch: number) => Effect.Effect<boolean, StorageUnavailable>
  /** Writes the state; with a changed state also its `device-status` and `whatsapp-status` events. Clears QR and pairing code unless `qr_required`. */
  readonly setState: (deviceId: DeviceId, epoch: number, state: DeviceState) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  readonly showQr: (deviceId: DeviceId, epoch: number, qr: { readonly qr: string; readonly qrCode: string; readonly expiresAt: DateTime.Utc }) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  readonly showPairingCode: (deviceId: DeviceId, epoch: number, code: { readonly pairingCode: string; readonly phone: PhoneNumber; readonly expiresAt: DateTime.Utc }) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  readonly setPairing: (deviceId: DeviceId, epoch: number, pairing: Pairing) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  /** Forgets the pairing: credentials, keys, journal, phone number. The history stays. The state becomes `state`, without one `not_paired`. */
  readonly wipe: (deviceId: DeviceId, epoch: number, state?: DeviceState) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  /** Removes the device with credentials, keys, journal and contacts. Its messages stay with their user. */
  readonly remove: (deviceId: DeviceId, epoch: number) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Devices,
    Effect.map(
      Effect.all([makeDeviceRegister, makeDeviceOwnership]),
      ([register, ownership]) => Devices.of({ ...register, ...ownership })
    )
  )
}
