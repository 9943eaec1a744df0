import type { GroupMetadata } from "@whiskeysockets/baileys"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { BoundedCache } from "./BoundedCache.ts"

/** What a device should remember beyond one socket: without it retry loops begin anew at each reconnect. */
export interface DeviceCaches {
  readonly retryCounters: BoundedCache<number>
  readonly userDevices: BoundedCache
  readonly placeholders: BoundedCache
  readonly calls: BoundedCache
  readonly groups: BoundedCache<GroupMetadata>
}

const make = (): DeviceCaches => ({
  retryCounters: new BoundedCache({ capacity: 5000, ttl: "1 hour" }),
  userDevices: new BoundedCache({ capacity: 2000, ttl: "5 minutes" }),
  placeholders: new BoundedCache({ capacity: 1000, ttl: "1 hour" }),
  calls: new BoundedCache({ capacity: 100, ttl: "5 minutes" }),
  groups: new BoundedCache({ capacity: 200, ttl: "1 hour" })
})

/** The caches of the devices that were open last, at most `capacity` of them. */
export const makeDeviceCaches = (capacity: number) => {
  const devices = new BoundedCache<DeviceCaches>({ capacity, ttl: "6 hours" })
  return (deviceId: DeviceId): DeviceCaches => {
    const caches = devices.get(deviceId) ?? make()
    devices.set(deviceId, caches)
    return caches
  }
}
