import { HttpApiBuilder } from "@effect/platform"
import { Clock, Effect } from "effect"
import { newChatsAllowed, pacingConfig, settingsOf } from "../../domain/Pacing.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { DevicePacing } from "../../sql/outbox/DevicePacing.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"

export const layer = HttpApiBuilder.group(Api, "pacing", (handlers) =>
  Effect.gen(function*() {
    const pacing = yield* DevicePacing
    const audit = yield* AuditLog
    const { defaults, isOn } = yield* pacingConfig

    const view = Effect.gen(function*() {
      const { device: { deviceId } } = yield* CallerDevice
      const { choice, pairedAt } = yield* pacing.get(deviceId)
      const settings = settingsOf(defaults, choice)
      const used = yield* pacing.used(deviceId)
      const newChats = newChatsAllowed(settings, pairedAt, yield* Clock.currentTimeMillis)
      return {
        deviceId,
        enabled: isOn,
        isDefault: choice === null,
        pacing: settings,
        defaults,
        now: {
          minute: { used: used.minute, allowed: settings.perMinute },
          hour: { used: used.hour, allowed: settings.perHour },
          day: { used: used.day, allowed: settings.perDay },
          newChats: { used: used.newChats, allowed: newChats }
        }
      }
    })

    return handlers
      .handle("get", () => view)
      .handle("set", ({ payload }) =>
        Effect.gen(function*() {
          const { caller, device: { deviceId, userId } } = yield* CallerDevice
          const choice = Object.keys(payload).length === 0 ? null : payload
          yield* audit.with(pacing.set(deviceId, choice), () => ({
            actor: caller,
            action: "device.pacing",
            target: { type: "device", id: deviceId },
            details: { ownerId: userId, ...choice }
          }))
          return yield* view
        }))
  }))
