import { ClusterError, RunnerStorage } from "@effect/cluster"
import { Effect, Layer, Metric, Option, Ref, Schedule } from "effect"
import { ShardLeases } from "../sql/devices/ShardLeases.ts"

/** The library's own figure does not fall when another process takes shards over. */
const shardsHeld = Metric.gauge("whatsapp_shards_held", {
  description: "Shards that this process holds: its share of the devices, of 300 in all"
})

/** The library gives up by itself when the lease is about to end; until then a database that is away may come back. */
const untilItAnswers = Schedule.spaced("500 millis")

const make = (shares: boolean) =>
  Layer.effect(
    RunnerStorage.RunnerStorage,
    Effect.gen(function*() {
      const leases = yield* ShardLeases
      yield* Metric.set(shardsHeld, 0)
      const self = yield* Ref.make<ReadonlyArray<readonly [string, boolean]>>([])
      const standsBy = yield* Ref.make(false)

      const tellStandby = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>, held: ReadonlyArray<string>) {
        if (shares || (yield* Ref.getAndSet(standsBy, held.length === 0)) === (held.length === 0)) return
        yield* held.length === 0
          ? Effect.flatMap(leases.outOfReach(wanted[0]!), (holder) =>
            Effect.logWarning("Another process runs the devices; this one stands by").pipe(
              Effect.annotateLogs({ holder: Option.getOrElse(holder, () => "unknown") })
            ))
          : Effect.logInfo("This process runs the devices from now on")
      })

      return RunnerStorage.makeEncoded({
        register: (address, about) =>
          Effect.zipRight(Ref.set(self, [[about, true]]), leases.signIn({ address, about, shares })).pipe(
            ClusterError.PersistenceError.refail
          ),
        unregister: () => ClusterError.PersistenceError.refail(leases.signOut),
        getRunners: (shares
          ? Effect.map(leases.sharing, (nodes) => nodes.map(({ about, healthy }) => [about, healthy] as const))
          : Effect.map(Ref.get(self), (runners) => [...runners])).pipe(ClusterError.PersistenceError.refail),
        setRunnerHealth: (address, healthy) => ClusterError.PersistenceError.refail(leases.setHealthy(address, healthy)),
        acquire: (_, shards) =>
          leases.take(shards).pipe(
            Effect.tap((held) => tellStandby(shards, held)),
            // asked for what it did not hold; the next sign of life counts anew
            Effect.tap((held) => Metric.incrementBy(shardsHeld, held.length)),
            Effect.map((held) => [...held]),
            ClusterError.PersistenceError.refail
          ),
        refresh: (_, shards) =>
          leases.keep.pipe(
            Effect.retry(untilItAnswers),
            Effect.tap((held) => Metric.set(shardsHeld, held.length)),
            Effect.map((held) => {
              const mine = new Set(held)
              return shards.filter((shard) => mine.has(shard))
            }),
            Effect.tap((held) =>
              held.length === shards.length
                ? Effect.void
                : Effect.logWarning("Another process has taken devices over; their sockets here are closed").pipe(
                  Effect.annotateLogs({ shards: shards.length - held.length })
                )
            ),
            ClusterError.PersistenceError.refail
          ),
        release: (_, shard) => ClusterError.PersistenceError.refail(leases.give(shard)),
        releaseAll: () => ClusterError.PersistenceError.refail(Effect.zipRight(leases.giveAll, Metric.set(shardsHeld, 0)))
      })
    })
  )

/** The first process holds all shards; others stand by. */
export const alone = make(false)
/** Processes that can call each other divide the shards. */
export const shared = make(true)
