import { SqlClient } from "@effect/sql"
import { Context, Duration, Effect, Layer, Option, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { duration } from "../../domain/Settings.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

/** `CLUSTER_LOCK_EXPIRATION`: after how long without a sign of life a process has lost its devices. */
export const leaseTime = duration("CLUSTER_LOCK_EXPIRATION", "35 seconds")

/** What entitles a process to a device: the shard that the device falls into, and the process that holds that shard. */
export interface ShardLease {
  readonly shard: string
  readonly instance: string
}

/**
 * Every device falls into one of a few hundred shards, and a shard is held by one process as long as that shows signs of life.
 * The database's clock decides, not the processes'. Another process at the same address, such as this one after a crash, is
 * taken for its successor and has the shards at once.
 */
export class ShardLeases extends Context.Tag("whatsapp-service/ShardLeases")<ShardLeases, {
  /** this process; never the same twice */
  readonly instance: string
  /**
   * Signs this process in and answers a number that is its address's alone. `shares`: the others may call it, and divide the
   * shards with it; without, whoever comes first holds all.
   */
  readonly signIn: (node: { readonly address: string; readonly about: string; readonly shares: boolean }) => Effect.Effect<number, StorageUnavailable>
  /** It is about to stop; its shards stay its own until `giveAll`. */
  readonly signOut: Effect.Effect<void, StorageUnavailable>
  /** What the processes that live and share have said `about` themselves. */
  readonly sharing: Effect.Effect<ReadonlyArray<{ readonly about: string; readonly healthy: boolean }>, StorageUnavailable>
  readonly setHealthy: (address: string, healthy: boolean) => Effect.Effect<void, StorageUnavailable>
  /** Takes those of the shards that nobody alive holds; answers which of them this process holds now. */
  readonly take: (shards: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
  /** A sign of life; answers which shards this process still holds. */
  readonly keep: Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
  readonly give: (shard: string) => Effect.Effect<void, StorageUnavailable>
  readonly giveAll: Effect.Effect<void, StorageUnavailable>
  /** The address of a living process that holds the shard and that this one cannot call. */
  readonly outOfReach: (shard: string) => Effect.Effect<Option.Option<string>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(ShardLeases, Effect.suspend(() => make))
}

const Ids = Schema.Tuple(Schema.Struct({ id: Schema.Int }))
const Sharing = Schema.Array(Schema.Struct({ about: Schema.String, healthy: Schema.Int }))
const Alive = Schema.Array(Schema.Struct({ instance: Schema.String, alive: Schema.Int }))
const Leases = Schema.Array(Schema.Struct({ shard: Schema.String, instance: Schema.String }))
const Shards = Schema.Array(Schema.Struct({ shard: Schema.String }))
const Holders = Schema.Array(Schema.Struct({ address: Schema.String, instance: Schema.String, shares: Schema.Int }))
const rowsAtOnce = 100
const forgottenAfter = Duration.toMillis("7 days")

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const lifetime = Duration.toMillis(yield* leaseTime)
  const instance = randomUUID()
  let shares = false

  const now = sql.literal(
    dialect.onMysql ? "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)" : "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
  )
  const lease = sql`${now} + ${lifetime}`
  const mine = sql`instance = ${instance}`
  const transaction = <A, E, R>(effect: Effect.Effect<A, E, R>) => retryConflicts(sql.withTransaction(effect)).pipe(atBoundary)

  const held = Effect.map(
    Effect.flatMap(
      // a successor has this one's address: then its leases are nobody's
      sql`SELECT shard FROM shard_leases WHERE ${mine} AND EXISTS (SELECT 1 FROM nodes n WHERE n.instance = ${instance})`,
      Schema.decodeUnknown(Shards)
    ),
    (rows) => rows.map(({ shard }) => shard)
  )

  return ShardLeases.of({
    instance,

    signIn: Effect.fn("ShardLeases.signIn")((node: { readonly address: string; readonly about: string; readonly shares: boolean }) =>
      transaction(Effect.gen(function*() {
        shares = node.shares
        const row = { ...node, shares: node.shares ? 1 : 0, instance, listed: 1, healthy: 1 }
        const found = yield* sql`SELECT id FROM nodes WHERE address = ${node.address} ${dialect.forUpdate}`
        if (found.length === 0) yield* dialect.insert("nodes", { ...row, aliveUntil: 0 })
        yield* sql`UPDATE nodes SET ${sql.update(row)}, alive_until = ${lease} WHERE address = ${node.address}`
        yield* sql`DELETE FROM nodes WHERE alive_until < ${now} - ${forgottenAfter} AND address <> ${node.address}`
        const [{ id }] = yield* Schema.decodeUnknown(Ids)(yield* sql`SELECT id FROM nodes WHERE address = ${node.address}`)
        return id
      }))
    ),

    signOut: Effect.asVoid(sql`UPDATE nodes SET listed = 0 WHERE ${mine}`).pipe(atBoundary),

    sharing: sql`SELECT about, healthy FROM nodes WHERE shares = 1 AND listed = 1 AND alive_until > ${now} ORDER BY id`.pipe(
      Effect.flatMap(Schema.decodeUnknown(Sharing)),
      Effect.map((rows) => rows.map(({ about, healthy }) => ({ about, healthy: healthy === 1 }))),
      atBoundary
    ),

    setHealthy: (address, healthy) =>
      Effect.asVoid(sql`UPDATE nodes SET healthy = ${healthy ? 1 : 0} WHERE address = ${address}`).pipe(atBoundary),

    take: Effect.fn("ShardLeases.take")((shards: ReadonlyArray<string>) =>
      transaction(Effect.gen(function*() {
        // all that live: two that take at the same time come one after the other, and neither expires meanwhile
        const nodes = yield* sql`SELECT instance, alive_until > ${now} AS alive FROM nodes ORDER BY id ${dialect.forUpdate}`
        const living = new Set(
          (yield* Schema.decodeUnknown(Alive)(nodes)).filter((node) => node.alive === 1).map((node) => node.instance)
        )
        if (!living.has(instance)) return []
        const leases = yield* Schema.decodeUnknown(Leases)(yield* sql`SELECT shard, instance FROM shard_leases`)
        const holders = new Map(leases.map((row) => [row.shard, row.instance]))
        const free = shards.filter((shard) => !living.has(holders.get(shard) ?? ""))
        for (let start = 0; start < free.length; start += rowsAtOnce) {
          const some = free.slice(start, start + rowsAtOnce)
          yield* sql`DELETE FROM shard_leases WHERE ${sql.in("shard", some)}`
          yield* sql`INSERT INTO shard_leases ${sql.insert(some.map((shard) => ({ shard, instance })))}`
        }
        const taken = new Set(free)
        return shards.filter((shard) => taken.has(shard) || holders.get(shard) === instance)
      }))
    ),

    keep: transaction(Effect.zipRight(sql`UPDATE nodes SET alive_until = ${lease} WHERE ${mine}`, held)),

    give: (shard) => Effect.asVoid(sql`DELETE FROM shard_leases WHERE shard = ${shard} AND ${mine}`).pipe(retryConflicts, atBoundary),

    giveAll: transaction(Effect.zipRight(
      sql`DELETE FROM shard_leases WHERE ${mine}`,
      Effect.asVoid(sql`UPDATE nodes SET alive_until = 0, listed = 0 WHERE ${mine}`)
    )),

    outOfReach: Effect.fn("ShardLeases.outOfReach")(function*(shard: string) {
      const rows = yield* sql`SELECT n.address, n.instance, n.shares
        FROM shard_leases s JOIN nodes n ON n.instance = s.instance
        WHERE s.shard = ${shard} AND n.alive_until > ${now}`
      const [holder] = yield* Schema.decodeUnknown(Holders)(rows)
      return holder === undefined || holder.instance === instance || (shares && holder.shares === 1)
        ? Option.none()
        : Option.some(holder.address)
    }, atBoundary)
  })
})
