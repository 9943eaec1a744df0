import { HttpApiBuilder, HttpApp, HttpServerResponse } from "@effect/platform"
import { Effect, Layer } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { Forbidden } from "../../domain/Access.ts"
import type { Device, DeviceStatus } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { UserId } from "../../domain/User.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { HealthOfDevices } from "../../sql/devices/HealthOfDevices.ts"
import { Api } from "../Api.ts"
import { Caller, CallerDevice } from "../contract/Authorization.ts"
import { connectedView, deviceState, deviceView } from "../DeviceView.ts"
import { makeNoting } from "./Noting.ts"

const mostAtOnce = 1000

const collection = HttpApiBuilder.group(Api, "devices", (handlers) =>
  Effect.gen(function*() {
    const devices = yield* Devices
    const audit = yield* AuditLog

    const list = Effect.fnUntraced(function*(query: {
      readonly userId?: UserId | undefined
      readonly status?: DeviceStatus | undefined
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const { devices: bound, role, userId } = yield* Caller
      if (role !== "admin" && query.userId !== undefined && query.userId !== userId) return yield* new Forbidden()
      const page = yield* devices.list({ ...query, userId: role === "admin" ? query.userId : userId, deviceIds: bound ?? undefined })
      const last = page.at(-1)
      if (last !== undefined && page.length === query.limit) {
        yield* HttpApp.appendPreResponseHandler((_, response) =>
          Effect.succeed(HttpServerResponse.setHeader(response, "x-next-after", String(last.id)))
        )
      }
      return page.map(deviceView)
    })
    const connected = list({ status: "connected", limit: mostAtOnce }).pipe(Effect.catchTag("Forbidden", Effect.die))

    return handlers
      .handle("create", ({ payload }) =>
        Effect.gen(function*() {
          const caller = yield* Caller
          const create = devices.create({
            ...payload,
            userId: payload.userId ?? caller.userId,
            proxyUrl: payload.proxyUrl ?? undefined,
            browserName: payload.browserName ?? undefined
          })
          const device = yield* audit.with(create, ({ deviceId, userId }) => ({
            actor: caller,
            action: "device.create",
            target: { type: "device", id: deviceId },
            details: { ownerId: userId }
          }))
          return deviceView(device)
        }))
      .handle("list", ({ urlParams }) => list(urlParams))
      .handle("connected", () => connected)
      .handle("connectedDetail", () => connected)
  }))

const one = HttpApiBuilder.group(Api, "device", (handlers) =>
  Effect.gen(function*() {
    const actors = yield* DeviceActors
    const health = yield* HealthOfDevices
    const { ofDevice } = yield* makeNoting
    const wipe = (deviceId: DeviceId) => Effect.map(ofDevice("device.wipe", actors.wipe(deviceId)), deviceState)

    return handlers
      .handle("get", () => view(deviceView))
      .handle("status", () => view(deviceState))
      .handle("health", () =>
        Effect.flatMap(CallerDevice, ({ device }) =>
          Effect.map(health.of(device), (found) => ({ deviceId: device.deviceId, ...found }))))
      .handle("connect", ({ path }) => Effect.flatMap(ofDevice("device.connect", actors.connect(path.deviceId)), connectedView))
      .handle("disconnect", ({ path }) => Effect.map(ofDevice("device.disconnect", actors.disconnect(path.deviceId)), deviceState))
      .handle("remove", ({ path }) =>
        Effect.as(ofDevice("device.delete", actors.remove(path.deviceId)), { deviceId: path.deviceId, message: "The device has been deleted." }))
      .handle("cancelAndWipe", ({ path }) => wipe(path.deviceId))
      .handle("removeSession", ({ path }) => wipe(path.deviceId))
  }))

const view = <A>(show: (device: Device) => A) => Effect.map(CallerDevice, ({ device }) => show(device))

export const layer = Layer.merge(collection, one)
