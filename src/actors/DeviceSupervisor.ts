import { Singleton } from "@effect/cluster"
import { Duration, Effect, Schedule } from "effect"
import { Devices } from "../sql/Devices.ts"
import { DeviceEntity, entityId } from "./DeviceEntity.ts"

const rounds = Schedule.jittered(Schedule.spaced(Duration.minutes(1)))
/** Each device decides for itself when it may log in; this only bounds how many are asked at a time. */
const asked = 32

/** Once in the cluster: keeps what runs the same as what is wanted, at the start and then every minute. */
export const DeviceSupervisor = Singleton.make(
  "DeviceSupervisor",
  Effect.gen(function*() {
    const devices = yield* Devices
    const client = yield* DeviceEntity.client
    const round = Effect.gen(function*() {
      yield* Effect.forEach(
        yield* devices.wanted,
        (device) =>
          client(entityId(device)).Reconcile().pipe(
            Effect.timeout("1 minute"),
            told("A device could not be reconciled"),
            Effect.annotateLogs({ deviceId: device.deviceId })
          ),
        { concurrency: asked, discard: true }
      )
    })
    yield* round.pipe(told("The devices that are wanted could not be read"), Effect.repeat(rounds))
  })
)

/** One device's trouble, whatever it is, keeps neither the others nor the next round from their turn. */
const told = (text: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchAllCause(Effect.asVoid(effect), (cause) => Effect.logWarning(text, cause))
