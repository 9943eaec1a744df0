import { Sharding } from "@effect/cluster"
import { Effect, Option } from "effect"
import { type Device, DeviceElsewhere } from "../domain/Device.ts"
import { ShardLeases } from "../sql/devices/ShardLeases.ts"
import { shardOf } from "./DeviceEntity.ts"

/** Fails for a device that a process runs which this one cannot ask. */
export const makeReach = Effect.gen(function*() {
  const sharding = yield* Sharding.Sharding
  const leases = yield* ShardLeases

  return Effect.fnUntraced(function*(device: Device) {
    const shard = shardOf(sharding, device)
    if (!sharding.hasShardId(shard) && Option.isSome(yield* leases.outOfReach(String(shard)))) {
      return yield* new DeviceElsewhere({ deviceId: device.deviceId })
    }
  })
})
