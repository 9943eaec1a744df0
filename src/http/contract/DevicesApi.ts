import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceStatus, ProxyUrl } from "../../domain/Device.ts"
import { HealthPeriod, Risk } from "../../domain/DeviceHealth.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { UserId } from "../../domain/User.ts"
import { ConnectedView, DeviceStateView, DeviceView } from "../DeviceView.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized, AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { deviceBusy, deviceElsewhere, deviceExists, deviceNotFound, forbidden, userNotFound } from "./Failures.ts"
import { idOf, limitOf, RowId } from "./Paging.ts"

const DeviceName = Schema.String.pipe(
  Schema.maxLength(255),
  Schema.filter((name) => (name.trim() === "" ? "the name is empty" : undefined))
)
const BrowserName = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(64))

/** The device of a path; {@link AuthorizedForDevice} has checked that the caller may use it. */
export const DevicePath = Schema.Struct({ deviceId: DeviceId })

/** Devices: what can be asked without naming one. */
export const DevicesApi = HttpApiGroup.make("devices")
  .add(
    HttpApiEndpoint.post("create", "/devices")
      .setPayload(withAliases(
        closed({
          deviceName: DeviceName,
          userId: Schema.optional(UserId),
          deviceId: Schema.optional(DeviceId),
          proxyUrl: Schema.optional(Schema.NullOr(Schema.Redacted(ProxyUrl))),
          browserName: Schema.optional(Schema.NullOr(BrowserName))
        }),
        { name: "deviceName" }
      ))
      .addSuccess(Envelope.success(DeviceView, { status: 201 }))
      .addError(deviceExists)
      .addError(userNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Create a device",
        description: "For the user `userId`, or for oneself. Without `deviceId` one is made."
      }))
  )
  .add(
    HttpApiEndpoint.get("list", "/devices")
      .setUrlParams(Schema.Struct({
        userId: Schema.optional(idOf(UserId)),
        status: Schema.optional(DeviceStatus),
        after: Schema.optional(RowId),
        limit: limitOf(1000, 1000)
      }))
      .addSuccess(Envelope.success(Schema.Array(DeviceView)))
      .addError(forbidden)
      .annotateContext(OpenApi.annotations({
        summary: "List devices",
        description: "One's own; an administrator sees all, or those of `userId`. A full page is followed by the one " +
          "`after` the `id` of its last device."
      }))
  )
  .add(
    HttpApiEndpoint.get("connected", "/devices/connected")
      .addSuccess(Envelope.success(Schema.Array(DeviceView)))
      .annotateContext(OpenApi.annotations({ summary: "List connected devices", description: "One's own; an administrator sees all." }))
  )
  .add(
    HttpApiEndpoint.get("connectedDetail", "/devices/connected/detail")
      .addSuccess(Envelope.success(Schema.Array(DeviceView)))
      .annotateContext(OpenApi.annotations({
        summary: "List connected devices (another name)",
        description: "The same as `/devices/connected`."
      }))
  )
  .middleware(Authorized)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Devices", description: "WhatsApp accounts that the service keeps online, and their connections." }))

const DeviceHealthView = Schema.Struct({ deviceId: DeviceId, risk: Risk, hour: HealthPeriod, day: HealthPeriod })
  .annotations({ identifier: "DeviceHealth" })

/** One device and its connection. */
export const DeviceApi = HttpApiGroup.make("device")
  .add(
    HttpApiEndpoint.get("get", "/devices/:deviceId")
      .addSuccess(Envelope.success(DeviceView))
      .annotateContext(OpenApi.annotations({ summary: "A device", description: "With its state, and the account that it is paired with." }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.get("status", "/devices/:deviceId/status")
      .addSuccess(Envelope.success(DeviceStateView))
      .annotateContext(OpenApi.annotations({
        summary: "A device's state",
        description: "With the reason, since when, when the service tries again, and what limits the account."
      }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.get("health", "/devices/:deviceId/health")
      .addSuccess(Envelope.success(DeviceHealthView))
      .annotateContext(OpenApi.annotations({
        summary: "How a device fares, and the risk of its account",
        description: "What went wrong in the last hour and the last 24 hours, what was sent and has arrived, and how likely it is that WhatsApp " +
          "limits the account: `low`, `medium` or `high`, with its reasons."
      }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.post("connect", "/devices/:deviceId/connect")
      .addSuccess(Envelope.success(ConnectedView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .annotateContext(OpenApi.annotations({
        summary: "Connect a device",
        description: "Answers as soon as there is a QR code to scan, or the device is connected, or it is known why not."
      }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.del("disconnect", "/devices/:deviceId/disconnect")
      .addSuccess(Envelope.success(DeviceStateView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .annotateContext(OpenApi.annotations({ summary: "Disconnect a device", description: "The pairing stays." }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.del("remove", "/devices/:deviceId")
      .addSuccess(Envelope.success(Schema.Struct({ deviceId: DeviceId, message: Schema.String })))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .annotateContext(OpenApi.annotations({ summary: "Delete a device", description: "Its messages stay with their user." }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.post("cancelAndWipe", "/devices/:deviceId/cancel-and-wipe")
      .addSuccess(Envelope.success(DeviceStateView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .annotateContext(OpenApi.annotations({
        summary: "End a pairing and forget its credentials",
        description: "Also a pairing in progress. The device and its history stay; it can be paired anew."
      }))
      .setPath(DevicePath)
  )
  .add(
    HttpApiEndpoint.del("removeSession", "/devices/:deviceId/session")
      .addSuccess(Envelope.success(DeviceStateView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .annotateContext(OpenApi.annotations({
        summary: "End a pairing and forget its credentials (another name)",
        description: "The same as `cancel-and-wipe`."
      }))
      .setPath(DevicePath)
  )
  .addError(deviceNotFound)
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Devices" }))
