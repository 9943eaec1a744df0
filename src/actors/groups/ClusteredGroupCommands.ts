import { Effect, Layer } from "effect"
import { type Device, DeviceNotConnected } from "../../domain/Device.ts"
import { answered } from "../ClusteredDevices.ts"
import { DeviceEntity, entityId } from "../DeviceEntity.ts"
import { GroupCommands } from "./GroupCommands.ts"
import { makeReach } from "../Reach.ts"

/** {@link GroupCommands} through the device's entity, on whichever node it lives. */
export const ClusteredGroupCommands = Layer.effect(
  GroupCommands,
  Effect.gen(function*() {
    const client = yield* DeviceEntity.client
    const reach = yield* makeReach

    /** A device that is not connected is not asked, nor one of a process that cannot be. */
    const ask = Effect.fnUntraced(function*<A, E>(
      device: Device,
      question: (entity: ReturnType<typeof client>) => Effect.Effect<A, E>
    ) {
      const { deviceId } = device
      yield* reach(device)
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
