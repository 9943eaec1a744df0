import { MessageStorage, RunnerAddress, RunnerHealth, Runners, Sharding, ShardingConfig } from "@effect/cluster"
import { HttpServer } from "@effect/platform"
import { NodeClusterSocket } from "@effect/platform-node"
import { SqlClient } from "@effect/sql"
import { Config, ConfigError, Effect, Layer, Option } from "effect"
import { hostname } from "node:os"
import { shardCount } from "../actors/DeviceEntity.ts"
import { leaseTime } from "../sql/devices/ShardLeases.ts"
import * as RunnerLeases from "./RunnerLeases.ts"

/** How soon a free shard is seen, which bounds how long a hand-over in order takes. */
const lookEvery = "1 second"

/**
 * Where devices live: this process alone, or with `CLUSTER_HOST` (the name under which the other nodes reach this one)
 * and `CLUSTER_PORT` one of several nodes on one MySQL database. What nodes say to each other is neither encrypted nor
 * authenticated: it belongs on a private network.
 *
 * Without `CLUSTER_HOST` a second process on the same database stands by until the first one ends or freezes.
 */
export const Runner = Layer.unwrapEffect(
  Effect.gen(function*() {
    const clusterHost = yield* Config.option(Config.nonEmptyString("CLUSTER_HOST"))
    const common = {
      shardsPerGroup: shardCount,
      shardLockExpiration: yield* leaseTime,
      entityMessagePollInterval: lookEvery,
      refreshAssignmentsInterval: lookEvery
    } as const
    if (Option.isNone(clusterHost)) {
      const { address } = yield* HttpServer.HttpServer
      // nobody else listens there: whoever comes back to it after a crash takes its own devices at once
      const runnerAddress = RunnerAddress.make(hostname(), address._tag === "TcpAddress" ? address.port : 0)
      return alone({ ...common, runnerAddress: Option.some(runnerAddress) })
    }
    const sql = yield* SqlClient.SqlClient
    if (sql.onDialectOrElse({ mysql: () => false, orElse: () => true })) {
      return yield* Effect.fail(
        ConfigError.InvalidData(["CLUSTER_HOST"], "several nodes need a MySQL database: set DATABASE_URL or DB_HOST")
      )
    }
    const runnerAddress = RunnerAddress.make(
      clusterHost.value,
      yield* Config.port("CLUSTER_PORT").pipe(Config.withDefault(34_431))
    )
    const listenHost = yield* Config.nonEmptyString("CLUSTER_LISTEN_HOST").pipe(Config.withDefault(clusterHost.value))
    return among({
      ...common,
      runnerAddress: Option.some(runnerAddress),
      runnerListenAddress: Option.some(RunnerAddress.make(listenHost, runnerAddress.port))
    })
  })
)

type Settings = Partial<ShardingConfig.ShardingConfig["Type"]>

// what a device is asked is not stored: what is wanted of it is in its own row before
const alone = (settings: Settings) =>
  Sharding.layer.pipe(
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(MessageStorage.layerNoop),
    Layer.provide([RunnerLeases.alone, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layer(settings))
  )

const among = (settings: Settings) =>
  NodeClusterSocket.layer({ storage: "byo", shardingConfig: settings }).pipe(
    Layer.provideMerge(MessageStorage.layerNoop),
    Layer.provide(RunnerLeases.shared)
  )
