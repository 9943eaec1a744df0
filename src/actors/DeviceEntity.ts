import { Entity } from "@effect/cluster"
import { Rpc } from "@effect/rpc"
import { Effect, Predicate, Schema } from "effect"
import { ChatState } from "../domain/ChatState.ts"
import { type Device, DeviceAlreadyPaired, DeviceBusy, DeviceNotConnected, DeviceNotFound } from "../domain/Device.ts"
import { DeviceId } from "../domain/DeviceId.ts"
import { Jid } from "../domain/Jid.ts"
import { PhoneNumber } from "../domain/PhoneNumber.ts"
import { type OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { DeviceActor } from "./DeviceActor.ts"
import { PairingFailed } from "./DeviceActors.ts"

const error = Schema.Union(DeviceNotFound, DeviceBusy, StorageUnavailable)

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
    error: Schema.Union(error, DeviceNotConnected)
  }),
  Rpc.make("MarkRead", {
    payload: { chat: Jid },
    success: Schema.Int,
    error: Schema.Union(error, DeviceNotConnected)
  }),
  Rpc.make("PairingCode", {
    payload: { phone: PhoneNumber },
    success: Schema.Struct({ pairingCode: Schema.String, expiresAt: Schema.DateTimeUtc }),
    error: Schema.Union(error, DeviceAlreadyPaired, PairingFailed)
  })
])

/**
 * The row id goes before the device id since the cluster's tables may compare texts regardless of case, and device ids
 * differ by case.
 */
export const entityId = (device: Pick<Device, "id" | "deviceId">) => `${device.id}.${device.deviceId}`
const deviceIdOf = (id: string) => Schema.decodeSync(DeviceId)(id.slice(id.indexOf(".") + 1))

export const DeviceEntityLayer = DeviceEntity.toLayer(
  Effect.gen(function*() {
    const address = yield* Entity.CurrentAddress
    const deviceId = deviceIdOf(address.entityId)
    const actor = yield* (yield* DeviceActor).make(deviceId)

    const owned = <A, E>(command: Effect.Effect<A, E | OwnerChanged>) =>
      command.pipe(
        Effect.catchAll((error): Effect.Effect<never, Exclude<E, OwnerChanged> | DeviceBusy> =>
          Predicate.isTagged(error, "OwnerChanged")
            ? new DeviceBusy({ deviceId })
            : Effect.fail(error as Exclude<E, OwnerChanged>)
        ),
        Effect.annotateLogs({ deviceId })
      )
    return {
      Connect: () => owned(actor.connect),
      Disconnect: () => owned(actor.disconnect),
      Wipe: () => owned(actor.wipe),
      Remove: () => owned(actor.remove),
      Reconcile: () => owned(actor.reconcile),
      WakeOutbox: () => actor.wakeOutbox,
      ShowState: ({ payload }) => owned(actor.showState(payload.chat, payload.state)),
      MarkRead: ({ payload }) => owned(actor.markRead(payload.chat)),
      PairingCode: ({ payload }) => owned(actor.pairingCode(payload.phone))
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
