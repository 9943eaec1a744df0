import { Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { deviceState, DeviceStateView } from "../DeviceView.ts"

export interface DeviceFilter {
  readonly userId?: UserId | undefined
  /** of these devices alone */
  readonly deviceIds?: ReadonlyArray<DeviceId> | undefined
}

/** How the devices stand, as JSON: by their age, at most a thousand; `hasMore` says that there are others. */
export const makeDeviceSnapshot = Effect.map(Devices, (devices) =>
  (filter: DeviceFilter): Effect.Effect<{ readonly devices: ReadonlyArray<unknown>; readonly hasMore: boolean }, StorageUnavailable> =>
    Effect.map(devices.list({ ...filter, limit: mostDevices + 1 }), (found) => ({
      devices: encode(found.slice(0, mostDevices).map(deviceState)),
      hasMore: found.length > mostDevices
    })))

const mostDevices = 1000
const encode = Schema.encodeSync(Schema.Array(DeviceStateView))
