import { NodeClusterSocket } from "@effect/platform-node"
import { RunnerAddress, SingleRunner } from "@effect/cluster"
import { Config, Effect, Layer, Option } from "effect"
import { hostname } from "node:os"
import { port } from "./Environment.ts"

/**
 * Where devices live: this process alone, or with `CLUSTER_HOST` (the name under which the other nodes reach this one)
 * and `CLUSTER_PORT` one of several nodes on one MySQL database. What nodes say to each other is neither encrypted nor
 * authenticated: it belongs on a private network.
 */
export const Runner = Layer.unwrapEffect(
  Effect.gen(function*() {
    const clusterHost = yield* Config.option(Config.nonEmptyString("CLUSTER_HOST"))
    const shardLockExpiration = yield* Config.duration("CLUSTER_LOCK_EXPIRATION").pipe(Config.withDefault("35 seconds"))
    if (Option.isSome(clusterHost)) {
      const runnerAddress = RunnerAddress.make(
        clusterHost.value,
        yield* Config.port("CLUSTER_PORT").pipe(Config.withDefault(34_431))
      )
      const listenHost = yield* Config.nonEmptyString("CLUSTER_LISTEN_HOST").pipe(Config.withDefault(clusterHost.value))
      return NodeClusterSocket.layer({
        storage: "sql",
        shardingConfig: {
          runnerAddress: Option.some(runnerAddress),
          runnerListenAddress: Option.some(RunnerAddress.make(listenHost, runnerAddress.port)),
          shardLockExpiration
        }
      })
    }
    // Host and port are this process's alone and the same after a crash: it takes its own locks back at once.
    const runnerAddress = RunnerAddress.make(hostname(), yield* port)
    return SingleRunner.layer({
      runnerStorage: "sql",
      shardingConfig: { runnerAddress: Option.some(runnerAddress), shardLockExpiration }
    })
  })
)
