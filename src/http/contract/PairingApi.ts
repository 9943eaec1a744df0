import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { PhoneNumber, PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceAlreadyPaired, deviceBusy, deviceElsewhere, deviceNotFound, notPairing, pairingFailed } from "./Failures.ts"

const Expiry = Schema.NullOr(Schema.DateTimeUtc)

const QrImage = Schema.Struct({
  deviceId: DeviceId,
  qrImage: Schema.String,
  qrCode: Schema.String,
  format: Schema.Literal("png"),
  message: Schema.String,
  expiresAt: Expiry
}).annotations({ identifier: "QrImage" })

export const PairingApi = HttpApiGroup.make("pairing")
  .add(
    HttpApiEndpoint.get("qr", "/devices/:deviceId/qr")
      .setPath(DevicePath)
      .addSuccess(Envelope.success(Schema.Struct({
        deviceId: DeviceId,
        qr: Schema.String,
        qrCode: Schema.String,
        expiresAt: Expiry
      })))
      .addError(notPairing)
      .annotateContext(OpenApi.annotations({
        summary: "The QR code to scan",
        description: "`qr` is the text of the code, `qrCode` the same as a PNG data URL."
      }))
  )
  .add(
    HttpApiEndpoint.get("qrImage", "/devices/:deviceId/qr-image")
      .setPath(DevicePath)
      .addSuccess(Envelope.success(QrImage))
      .addError(notPairing)
      .annotateContext(OpenApi.annotations({
        summary: "The QR code as an image",
        description: "`qrImage` is a PNG data URL. There is a code only while the device waits to be paired."
      }))
  )
  .add(
    HttpApiEndpoint.get("qrBase64", "/devices/:deviceId/qr-base64")
      .setPath(DevicePath)
      .addSuccess(Envelope.success(QrImage))
      .addError(notPairing)
      .annotateContext(OpenApi.annotations({ summary: "The QR code as an image (another name)", description: "The same as `qr-image`." }))
  )
  .add(
    HttpApiEndpoint.post("pairingCode", "/devices/:deviceId/pairing-code")
      .setPath(DevicePath)
      .setPayload(withAliases(closed({ phone: PhoneNumberFromInput }), { phoneNumber: "phone" }))
      .addSuccess(Envelope.success(Schema.Struct({
        deviceId: DeviceId,
        phoneNumber: PhoneNumber,
        pairingCode: Schema.String,
        code: Schema.String,
        formattedCode: Schema.String,
        expiresAt: Schema.DateTimeUtc
      })))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .addError(deviceNotFound)
      .addError(deviceAlreadyPaired)
      .addError(pairingFailed)
      .annotateContext(OpenApi.annotations({
        summary: "A code to type on the phone",
        description: "Eight characters, in place of a QR code, for the phone with the number `phone`."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Pairing", description: "Linking a device to a phone, by QR code or by a code to type." }))
