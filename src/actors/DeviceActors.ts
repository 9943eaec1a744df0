import { HttpApiSchema } from "@effect/platform"
import { Context, type DateTime, type Effect, Schema } from "effect"
import type { Device, DeviceAlreadyPaired, DeviceBusy, DeviceElsewhere, DeviceNotFound } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { PhoneNumber } from "../domain/PhoneNumber.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

/** WhatsApp gave no pairing code. */
export class PairingFailed extends Schema.TaggedError<PairingFailed>()(
  "PairingFailed",
  { deviceId: Schema.String, reason: Schema.String },
  HttpApiSchema.annotations({ status: 502 })
) {
  override get message() {
    return `WhatsApp gave no pairing code: ${this.reason}.`
  }
}

type DeviceError = DeviceNotFound | DeviceBusy | DeviceElsewhere | StorageUnavailable

/** What people ask of a running device, on whichever node it lives. */
export class DeviceActors extends Context.Tag("whatsapp-service/DeviceActors")<DeviceActors, {
  /** Wants the device online and answers when there is something to show: a QR code, `connected`, or why not; at the latest after 15 s. */
  readonly connect: (deviceId: DeviceId) => Effect.Effect<Device, DeviceError>
  /** Wants it offline; answers when the socket is closed. The pairing stays. */
  readonly disconnect: (deviceId: DeviceId) => Effect.Effect<Device, DeviceError>
  /** Ends a pairing in progress, unlinks on WhatsApp's side if it can, forgets the credentials. The history stays. */
  readonly wipe: (deviceId: DeviceId) => Effect.Effect<Device, DeviceError>
  readonly remove: (deviceId: DeviceId) => Effect.Effect<void, DeviceError>
  readonly pairingCode: (deviceId: DeviceId, phone: PhoneNumber) => Effect.Effect<
    { readonly pairingCode: string; readonly expiresAt: DateTime.Utc },
    DeviceError | DeviceAlreadyPaired | PairingFailed
  >
}>() {}
