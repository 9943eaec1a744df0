import type { ClusterError } from "@effect/cluster"
import { Duration, Effect, Layer, Predicate, Stream } from "effect"
import { type Device, DeviceBusy, DeviceNotConnected, type Wanted } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import { Devices } from "../sql/devices/Devices.ts"
import { EventLog } from "../sql/events/EventLog.ts"
import { DeviceActors } from "./DeviceActors.ts"
import { DeviceEntity, entityId } from "./DeviceEntity.ts"
import { makeReach } from "./Reach.ts"

const answerWithin = Duration.seconds(20)
const somethingToShowWithin = Duration.seconds(15)

/** {@link DeviceActors} on the cluster: what is wanted is written down first, then the device's entity is told. */
export const ClusteredDevices = Layer.effect(
  DeviceActors,
  Effect.gen(function*() {
    const devices = yield* Devices
    const events = yield* EventLog
    const client = yield* DeviceEntity.client

    const reach = yield* makeReach

    /** Writes down what is wanted, unless nobody here could see to it. */
    const want = Effect.fnUntraced(function*(deviceId: DeviceId, wanted: Wanted) {
      yield* Effect.flatMap(devices.get(deviceId), reach)
      return yield* devices.setWanted(deviceId, wanted)
    })

    const settled = (deviceId: DeviceId) =>
      Stream.concat(Stream.void, events.changes).pipe(
        Stream.mapEffect(() => devices.get(deviceId)),
        Stream.filter(hasSomethingToShow),
        Stream.runHead,
        Effect.timeout(somethingToShowWithin),
        Effect.catchTag("TimeoutException", () => Effect.void),
        Effect.zipRight(devices.get(deviceId))
      )

    /** What happens now or not at all wakes no device. */
    const connected = (deviceId: DeviceId) =>
      Effect.filterOrFail(devices.get(deviceId), (device) => device.isConnected, () => new DeviceNotConnected({ deviceId }))

    return DeviceActors.of({
      connect: Effect.fn("DeviceActors.connect")(function*(deviceId) {
        const device = yield* want(deviceId, "online")
        yield* client(entityId(device)).Connect().pipe(answered(deviceId))
        return yield* settled(deviceId)
      }),
      disconnect: Effect.fn("DeviceActors.disconnect")(function*(deviceId) {
        const device = yield* want(deviceId, "offline")
        yield* client(entityId(device)).Disconnect().pipe(answered(deviceId))
        return yield* devices.get(deviceId)
      }),
      wipe: Effect.fn("DeviceActors.wipe")(function*(deviceId) {
        const device = yield* want(deviceId, "offline")
        yield* client(entityId(device)).Wipe().pipe(answered(deviceId))
        return yield* devices.get(deviceId)
      }),
      remove: Effect.fn("DeviceActors.remove")(function*(deviceId) {
        const device = yield* want(deviceId, "deleted")
        // if this call is cut short, the supervisor's next round removes it
        yield* client(entityId(device)).Remove().pipe(answered(deviceId))
      }),
      pairingCode: Effect.fn("DeviceActors.pairingCode")(function*(deviceId, phone) {
        const device = yield* want(deviceId, "online")
        return yield* client(entityId(device)).PairingCode({ phone }).pipe(answered(deviceId))
      }),
      showState: Effect.fn("DeviceActors.showState")(function*(deviceId, chat, state) {
        const device = yield* connected(deviceId)
        yield* client(entityId(device)).ShowState({ chat, state }).pipe(answered(deviceId))
      }),
      markRead: Effect.fn("DeviceActors.markRead")(function*(deviceId, chat) {
        const device = yield* connected(deviceId)
        return yield* client(entityId(device)).MarkRead({ chat }).pipe(answered(deviceId))
      })
    })
  })
)

/** Waits for a device's entity as long as a caller would. */
export const answered = (deviceId: DeviceId) => <A, E>(call: Effect.Effect<A, E | ClusterTrouble>) =>
  call.pipe(
    Effect.timeoutFail({ duration: answerWithin, onTimeout: () => new DeviceBusy({ deviceId }) }),
    Effect.catchAll((error): Effect.Effect<never, Exclude<E, ClusterTrouble> | DeviceBusy> =>
      isClusterTrouble(error)
        ? new DeviceBusy({ deviceId })
        : Effect.fail(error as Exclude<E, ClusterTrouble> | DeviceBusy)
    )
  )

const hasSomethingToShow = (device: Device) =>
  device.status !== "connecting" || device.retryAt !== null

type ClusterTrouble =
  | ClusterError.MailboxFull
  | ClusterError.AlreadyProcessingMessage
  | ClusterError.PersistenceError
const isClusterTrouble = (error: unknown): error is ClusterTrouble =>
  Predicate.isTagged(error, "MailboxFull") ||
  Predicate.isTagged(error, "AlreadyProcessingMessage") ||
  Predicate.isTagged(error, "PersistenceError")
