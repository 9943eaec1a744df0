import { ShardId, Sharding } from "@effect/cluster"
import { Clock, Duration, Effect, Layer, Random, Schedule } from "effect"
import { Devices } from "../sql/devices/Devices.ts"
import { DeviceEntity, entityId, shardCount, shardOf } from "./DeviceEntity.ts"

const every = Duration.minutes(1)
/** Each device decides for itself when it may log in; this only bounds how many are asked at a time. */
const asked = 32

const shards = Array.from({ length: shardCount }, (_, index) => ShardId.make("default", index + 1))

/**
 * Keeps what runs the same as what is wanted, on every node for the devices that live there: at the start, at once when others
 * come to live there, and every minute.
 */
export const DeviceSupervisor = Layer.scopedDiscard(
  Effect.gen(function*() {
    const devices = yield* Devices
    const sharding = yield* Sharding.Sharding
    const client = yield* DeviceEntity.client

    const round = Effect.gen(function*() {
      const wanted = yield* devices.wanted
      yield* Effect.forEach(
        wanted.filter((device) => sharding.hasShardId(shardOf(sharding, device))),
        (device) =>
          client(entityId(device)).Reconcile().pipe(
            Effect.timeout("1 minute"),
            told("A device could not be reconciled"),
            Effect.annotateLogs({ deviceId: device.deviceId })
          ),
        { concurrency: asked, discard: true }
      )
    }).pipe(told("The devices that are wanted could not be read"))

    let held = new Set<ShardId.ShardId>()
    let next = 0
    const look = Effect.gen(function*() {
      const before = held
      held = new Set(shards.filter((shard) => sharding.hasShardId(shard)))
      const now = yield* Clock.currentTimeMillis
      if (now < next && [...held].every((shard) => before.has(shard))) return
      next = now + Math.round(Duration.toMillis(every) * (yield* Random.nextRange(0.8, 1.2)))
      yield* round
    })
    yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced("250 millis")))
  })
)

/** One device's trouble, whatever it is, keeps neither the others nor the next round from their turn. */
const told = (text: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchAllCause(Effect.asVoid(effect), (cause) => Effect.logWarning(text, cause))
