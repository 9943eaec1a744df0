import { SqlClient } from "@effect/sql"
import { Effect } from "effect"

/**
 * Which process runs which devices. The cluster library would make tables of its own at every start, for which the service
 * would need rights that nothing else it does asks for.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { id, key, tail } = sql.onDialectOrElse({
    mysql: () => ({
      id: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      key: (length: number) => `VARCHAR(${length})`,
      tail: " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    }),
    orElse: () => ({ id: "INTEGER PRIMARY KEY AUTOINCREMENT", key: () => "TEXT", tail: "" })
  })

  yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS nodes (${[
    `id ${id}`,
    // host and port, the same over restarts
    `address ${key(255)} NOT NULL UNIQUE`,
    // the process that runs there now
    `instance ${key(36)} NOT NULL`,
    `about ${key(1024)} NOT NULL`,
    "shares INTEGER NOT NULL",
    "listed INTEGER NOT NULL",
    "healthy INTEGER NOT NULL",
    // by the database's clock
    "alive_until BIGINT NOT NULL"
  ].join(", ")})${tail}`)

  yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS shard_leases (${[
    `shard ${key(64)} NOT NULL PRIMARY KEY`,
    `instance ${key(36)} NOT NULL`
  ].join(", ")})${tail}`)

  // what the library made before; nothing in them outlives a process
  for (const name of ["cluster_locks", "cluster_runners", "cluster_replies", "cluster_messages"]) {
    yield* sql.unsafe(`DROP TABLE IF EXISTS ${name}`)
  }
})
