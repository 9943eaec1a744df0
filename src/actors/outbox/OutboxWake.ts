import { Effect } from "effect"
import type { Device } from "../../domain/Device.ts"
import { DeviceEntity, entityId } from "../DeviceEntity.ts"
import { Signals } from "../Signals.ts"

/** Tells a device's pump that there is something to send, wherever it runs. */
export const makeOutboxWake = Effect.gen(function*() {
  const signals = yield* Signals
  const client = yield* DeviceEntity.client
  const scope = yield* Effect.scope

  return Effect.fnUntraced(function*(device: Device) {
    // also if it is not connected: it may have become so since
    if ((yield* signals.outboxChanged(device.deviceId)) || !device.isConnected) return
    // not here: its own node looks by itself within seconds should this get lost
    yield* client(entityId(device)).WakeOutbox().pipe(Effect.timeout("5 seconds"), Effect.ignore, Effect.forkIn(scope))
  })
})
