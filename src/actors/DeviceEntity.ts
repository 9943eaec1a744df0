import { Entity, EntityId, type Sharding } from "@effect/cluster"
import { Rpc } from "@effect/rpc"
import { Effect, Option, Predicate, Schema } from "effect"
import { ChatState } from "../domain/ChatState.ts"
import { About, PictureSize } from "../domain/Contact.ts"
import { type Device, DeviceAlreadyPaired, DeviceBusy, DeviceNotConnected, DeviceNotFound, WhatsAppUnanswered } from "../domain/Device.ts"
import { DeviceId } from "../domain/DeviceId.ts"
import { Jid } from "../domain/Jid.ts"
import { PhoneNumber } from "../domain/PhoneNumber.ts"
import { type OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { ShardLeases } from "../sql/devices/ShardLeases.ts"
import { DeviceActor } from "./DeviceActor.ts"
import type { Connection, QueryFailed } from "../whatsapp/WhatsApp.ts"
import { PairingFailed } from "./DeviceActors.ts"
import { groupHandlers, groupRpcs } from "./groups/GroupRpcs.ts"
import { orUnanswered } from "./Unanswered.ts"

const error = Schema.Union(DeviceNotFound, DeviceBusy, StorageUnavailable)
const queryError = Schema.Union(DeviceNotConnected, WhatsAppUnanswered)

/** One device in the cluster: wherever it lives, there is one of it. */
export const DeviceEntity = Entity.make("Device", [
  Rpc.make("Connect", { error }),
  Rpc.make("Disconnect", { error }),
  Rpc.make("Wipe", { error }),
  Rpc.make("Remove", { error }),
  Rpc.make("Reconcile", { error }),
  Rpc.make("WakeOutbox"),
  Rpc.make("ShowState", {
    payload: { chat: Jid, state: ChatState },
    error: Schema.Union(error, queryError)
  }),
  Rpc.make("MarkRead", {
    payload: { chat: Jid },
    success: Schema.Int,
    error: Schema.Union(error, queryError)
  }),
  Rpc.make("PairingCode", {
    payload: { phone: PhoneNumber },
    success: Schema.Struct({ pairingCode: Schema.String, expiresAt: Schema.DateTimeUtc }),
    error: Schema.Union(error, DeviceAlreadyPaired, PairingFailed)
  }),
  Rpc.make("Lookup", {
    payload: { phones: Schema.Array(PhoneNumber) },
    success: Schema.Array(Schema.Struct({ phone: Schema.optional(PhoneNumber), lid: Schema.optional(Jid) })),
    error: queryError
  }),
  Rpc.make("ProfilePicture", {
    payload: { jid: Jid, size: PictureSize },
    success: Schema.NullOr(Schema.String),
    error: queryError
  }),
  Rpc.make("About", { payload: { jid: Jid }, success: About, error: queryError }),
  ...groupRpcs
])

/**
 * The row id goes before the device id: a device that is made anew under the id of a removed one is another entity.
 */
export const entityId = (device: Pick<Device, "id" | "deviceId">) => `${device.id}.${device.deviceId}`

/** More than there will be nodes, few enough to count; all nodes on one database need the same. */
export const shardCount = 300
export const shardOf = (sharding: Sharding.Sharding["Type"], device: Pick<Device, "id" | "deviceId">) =>
  sharding.getShardId(EntityId.make(entityId(device)), "default")

const deviceIdOf = (id: string) => Schema.decodeSync(DeviceId)(id.slice(id.indexOf(".") + 1))

export const DeviceEntityLayer = DeviceEntity.toLayer(
  Effect.gen(function*() {
    const address = yield* Entity.CurrentAddress
    const deviceId = deviceIdOf(address.entityId)
    const { instance } = yield* ShardLeases
    const actor = yield* (yield* DeviceActor).make(deviceId, { shard: String(address.shardId), instance })

    const owned = <A, E>(command: Effect.Effect<A, E | OwnerChanged>) =>
      command.pipe(
        Effect.catchAll((error): Effect.Effect<never, Exclude<E, OwnerChanged> | DeviceBusy> =>
          Predicate.isTagged(error, "OwnerChanged")
            ? new DeviceBusy({ deviceId })
            : Effect.fail(error as Exclude<E, OwnerChanged>)
        ),
        Effect.annotateLogs({ deviceId })
      )
    const asked = <A>(question: (connection: Connection) => Effect.Effect<A, QueryFailed>) =>
      Effect.flatMap(actor.connection, question).pipe(orUnanswered(deviceId), Effect.annotateLogs({ deviceId }))
    return {
      Connect: () => owned(actor.connect),
      Disconnect: () => owned(actor.disconnect),
      Wipe: () => owned(actor.wipe),
      Remove: () => owned(actor.remove),
      Reconcile: () => owned(actor.reconcile),
      WakeOutbox: () => actor.wakeOutbox,
      ShowState: ({ payload }) => owned(actor.showState(payload.chat, payload.state)),
      MarkRead: ({ payload }) => owned(actor.markRead(payload.chat)),
      PairingCode: ({ payload }) => owned(actor.pairingCode(payload.phone)),
      Lookup: ({ payload }) => asked((connection) => connection.lookup(payload.phones)),
      ProfilePicture: ({ payload }) =>
        asked((connection) => Effect.map(connection.profilePicture(payload.jid, payload.size), Option.getOrNull)),
      About: ({ payload }) => asked((connection) => connection.about(payload.jid)),
      ...groupHandlers((question) =>
        Effect.flatMap(actor.groups, question).pipe(orUnanswered(deviceId), Effect.annotateLogs({ deviceId })))
    }
  }),
  {
    // a long call such as a pairing must not keep others waiting, and a defect in one must not close the socket
    concurrency: "unbounded",
    disableFatalDefects: true,
    mailboxCapacity: 1024,
    // the supervisor's rounds keep wanted devices awake; only through a database outage of a day would one idle out
    maxIdleTime: "1 day"
  }
)
