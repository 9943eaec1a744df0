import { Context, Effect, Layer } from "effect"
import { Forbidden, type Principal } from "../../domain/Access.ts"
import type { Device } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { Devices } from "../../sql/devices/Devices.ts"

/** For clients of the time when a user had one WhatsApp: the oldest device of a user, made for him if he has none. */
export class FirstDevices extends Context.Tag("whatsapp-service/FirstDevices")<FirstDevices, {
  /** With a key that is bound to devices, the oldest of these. */
  readonly of: (principal: Principal) => Effect.Effect<Device, Forbidden | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    FirstDevices,
    Effect.gen(function*() {
      const devices = yield* Devices
      const audit = yield* AuditLog

      return FirstDevices.of({
        of: Effect.fn("FirstDevices.of")(function*(principal: Principal) {
          const { devices: bound, userId } = principal
          const found = yield* devices.list({ userId, deviceIds: bound ?? undefined, limit: 1 })
          if (found[0] !== undefined) return found[0]
          if (bound !== null) return yield* new Forbidden()
          // by its id: of two requests that find none, one makes it
          const deviceId = DeviceId.make(`device-${userId}-first`)
          return yield* audit.with(devices.create({ userId, deviceName: "WhatsApp", deviceId }), () => ({
            actor: principal, action: "device.create", target: { type: "device", id: deviceId }, details: { ownerId: userId }
          })).pipe(
            Effect.catchTag("DeviceExists", () => devices.get(deviceId)),
            Effect.catchTags({ UserNotFound: () => new Forbidden(), DeviceNotFound: () => new Forbidden() })
          )
        })
      })
    })
  )
}
