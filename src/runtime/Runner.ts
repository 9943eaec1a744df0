import { NodeClusterSocket } from "@effect/platform-node"
import { RunnerAddress, SingleRunner } from "@effect/cluster"
import { SqlClient } from "@effect/sql"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Config, ConfigError, Effect, Layer, Option } from "effect"
import { hostname } from "node:os"
import { duration } from "../domain/Settings.ts"
import { MigrationFailed } from "../sql/Migrations.ts"
import { listenPort } from "../http/HttpListener.ts"

/**
 * Where devices live: this process alone, or with `CLUSTER_HOST` (the name under which the other nodes reach this one)
 * and `CLUSTER_PORT` one of several nodes on one MySQL database. What nodes say to each other is neither encrypted nor
 * authenticated: it belongs on a private network.
 */
export const Runner = Layer.unwrapEffect(
  Effect.gen(function*() {
    const clusterHost = yield* Config.option(Config.nonEmptyString("CLUSTER_HOST"))
    const shardLockExpiration = yield* duration("CLUSTER_LOCK_EXPIRATION", "35 seconds")
    if (Option.isSome(clusterHost)) {
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
    const runnerAddress = RunnerAddress.make(hostname(), yield* listenPort)
    return SingleRunner.layer({
      runnerStorage: "sql",
      shardingConfig: { runnerAddress: Option.some(runnerAddress), shardLockExpiration }
    })
  })
).pipe(
  Layer.catchAllCause((cause) => Layer.failCause(explained(cause)))
)

/** The library makes its tables at every start, and dies when it may not. */
const explained = <E>(cause: Cause.Cause<E>): Cause.Cause<E | MigrationFailed> =>
  Option.match(Cause.find(cause, sqlErrorOf), {
    onNone: (): Cause.Cause<E | MigrationFailed> => cause,
    onSome: (error) => Cause.fail(new MigrationFailed({ migration: "of the cluster's tables", cause: error }))
  })

const sqlErrorOf = (cause: Cause.Cause<unknown>) =>
  Cause.isDieType(cause) && cause.defect instanceof SqlError ? Option.some(cause.defect) : Option.none()
