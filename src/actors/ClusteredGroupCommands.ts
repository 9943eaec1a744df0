import { Sharding } from "@effect/cluster"
import { Effect, Layer, Option } from "effect"
import { type Device, DeviceElsewhere, DeviceNotConnected } from "../domain/Device.ts"
import { ShardLeases } from "../sql/ShardLeases.ts"
import { answered } from "./ClusteredDevices.ts"
import { DeviceEntity, entityId, shardOf } from "./DeviceEntity.ts"
import { GroupCommands } from "./GroupCommands.ts"

/** {@link GroupCommands} through the device's entity, on whichever node it lives. */
export const ClusteredGroupCommands = Layer.effect(
  GroupCommands,
  Effect.gen(function*() {
    const client = yield* DeviceEntity.client
    const sharding = yield* Sharding.Sharding
    const leases = yield* ShardLeases

    /** A device that is not connected is not asked, nor one of a process that cannot be. */
    const ask = Effect.fnUntraced(function*<A, E>(
      device: Device,
      question: (entity: ReturnType<typeof client>) => Effect.Effect<A, E>
    ) {
      const { deviceId } = device
      const shard = shardOf(sharding, device)
      if (!sharding.hasShardId(shard) && Option.isSome(yield* leases.outOfReach(String(shard)))) {
        return yield* new DeviceElsewhere({ deviceId })
      }
      if (!device.isConnected) return yield* new DeviceNotConnected({ deviceId })
      return yield* answered(deviceId)(question(client(entityId(device))))
    })

    return GroupCommands.of({
      create: Effect.fn("GroupCommands.create")((device, name, participants) =>
        ask(device, (entity) => entity.GroupCreate({ name, participants }))
      ),
      refresh: Effect.fn("GroupCommands.refresh")((device, groupId) =>
        ask(device, (entity) => entity.GroupRefresh({ groupId }))
      ),
      participants: Effect.fn("GroupCommands.participants")((device, groupId, action, people) =>
        ask(device, (entity) => entity.GroupParticipants({ groupId, action, people }))
      ),
      change: Effect.fn("GroupCommands.change")((device, groupId, change) =>
        ask(device, (entity) => entity.GroupChange({ groupId, change }))
      ),
      invite: Effect.fn("GroupCommands.invite")((device, groupId, renew) =>
        ask(device, (entity) => entity.GroupInvite({ groupId, renew }))
      ),
      join: Effect.fn("GroupCommands.join")((device, code) =>
        ask(device, (entity) => entity.GroupJoin({ code }))
      ),
      joinRequests: Effect.fn("GroupCommands.joinRequests")((device, groupId) =>
        ask(device, (entity) => entity.GroupJoinRequests({ groupId }))
      )
    })
  })
)
