import { HttpApiBuilder } from "@effect/platform"
import { Clock, type DateTime, Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { type Device, NotPairing } from "../../domain/Device.ts"
import { qrDataUrl } from "../../domain/QrImage.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { makeNoting } from "./Noting.ts"

export const layer = HttpApiBuilder.group(Api, "pairing", (handlers) =>
  Effect.gen(function*() {
    const actors = yield* DeviceActors
    const { ofDevice } = yield* makeNoting

    return handlers
      .handle("qr", () => Effect.flatMap(CallerDevice, ({ device }) => qrCode(device)))
      .handle("qrImage", () => Effect.flatMap(CallerDevice, ({ device }) => qrImage(device)))
      .handle("qrBase64", () => Effect.flatMap(CallerDevice, ({ device }) => qrImage(device)))
      .handle("pairingCode", ({ path, payload }) =>
        Effect.map(ofDevice("device.pair", actors.pairingCode(path.deviceId, payload.phone)), ({ expiresAt, pairingCode }) => ({
          deviceId: path.deviceId,
          phoneNumber: payload.phone,
          pairingCode,
          code: pairingCode,
          formattedCode: formatted(pairingCode),
          expiresAt
        })))
  }))

const qrCode = (device: Device) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (device.qr === null || isPast(device.qrExpiresAt, now)) {
      return yield* new NotPairing({ deviceId: device.deviceId, status: device.status })
    }
    return {
      deviceId: device.deviceId,
      qr: device.qr,
      qrCode: yield* qrDataUrl(device.qr),
      expiresAt: device.qrExpiresAt
    }
  })

const qrImage = (device: Device) =>
  Effect.map(qrCode(device), ({ deviceId, expiresAt, qrCode }) => ({
    deviceId,
    qrImage: qrCode,
    qrCode,
    format: "png" as const,
    message: "QR Code sebagai image",
    expiresAt
  }))

const isPast = (time: DateTime.Utc | null, now: number) => time !== null && time.epochMillis <= now

const formatted = (code: string): string => code.length === 8 ? `${code.slice(0, 4)}-${code.slice(4)}` : code
