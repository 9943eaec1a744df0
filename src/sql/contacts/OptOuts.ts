import { SqlClient } from "@effect/sql"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"

export const OptOut = Schema.Struct({
  id: Schema.Int,
  address: Jid,
  reason: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtc
}).annotations({ identifier: "OptOut" })
export type OptOut = typeof OptOut.Type

const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({ ...OptOut.fields, createdAt: Schema.DateTimeUtcFromNumber })))

/** Whom a user's jobs must not write to. */
export class OptOuts extends Context.Tag("whatsapp-service/OptOuts")<OptOuts, {
  /** Newest first, at most `limit` before the row id `before`. */
  readonly list: (userId: UserId, page: { readonly before?: number | undefined; readonly limit: number }) => Effect.Effect<
    ReadonlyArray<OptOut>,
    StorageUnavailable
  >
  /** One who is there already stays as he is. Answers how many are new. */
  readonly add: (userId: UserId, addresses: ReadonlyArray<Jid>, reason: string | null) => Effect.Effect<number, StorageUnavailable>
  /** False if he was not there. */
  readonly remove: (userId: UserId, address: Jid) => Effect.Effect<boolean, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    OptOuts,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      return OptOuts.of({
        list: Effect.fn("OptOuts.list")(function*(userId, { before, limit }) {
          const older = before === undefined ? sql`` : sql`AND id < ${before}`
          return yield* decode(
            yield* sql`SELECT id, address, reason, created_at FROM opt_outs WHERE user_id = ${userId} ${older}
              ORDER BY id DESC ${dialect.limit(limit)}`
          )
        }, atBoundary),
        add: Effect.fn("OptOuts.add")(function*(userId, addresses, reason) {
          const createdAt = yield* Clock.currentTimeMillis
          const added = yield* Effect.forEach(new Set(addresses), (address) =>
            dialect.insert("opt_outs", { userId, address, reason, createdAt }).pipe(
              Effect.as(1),
              Effect.catchIf(isDuplicate, () => Effect.succeed(0))
            ))
          return added.reduce((sum, one) => sum + one, 0)
        }, retryConflicts, atBoundary),
        remove: Effect.fn("OptOuts.remove")((userId, address) =>
          dialect.affected(sql`DELETE FROM opt_outs WHERE user_id = ${userId} AND address = ${address}`).pipe(
            Effect.map((rows) => rows > 0),
            retryConflicts,
            atBoundary
          )
        )
      })
    })
  )
}

const decodeContacts = Schema.decodeUnknown(Schema.Array(Schema.Struct({ jid: Schema.NullOr(Jid), lid: Schema.NullOr(Jid) })))
const decodeAddresses = Schema.decodeUnknown(Schema.Array(Schema.Struct({ address: Jid })))

/** Which of these want nothing of this user, under whichever of their two addresses they said so. */
export const makeOptOutLookup = Effect.map(SqlClient.SqlClient, (sql) =>
  Effect.fnUntraced(function*(userId: UserId, deviceId: DeviceId, addresses: ReadonlyArray<Jid>) {
    const by = (column: "jid" | "lid") =>
      sql`SELECT jid, lid FROM contacts WHERE device_id = ${deviceId} AND ${sql.in(column, addresses)}`
    const people = yield* decodeContacts(yield* sql`${by("jid")} UNION ${by("lid")}`)
    const names = new Map<Jid, Set<Jid>>()
    for (const { jid, lid } of people) {
      if (jid !== null && lid !== null) names.set(jid, new Set([jid, lid])).set(lid, new Set([jid, lid]))
    }
    const asked = new Set(addresses.flatMap((address) => [address, ...(names.get(address) ?? [])]))
    const rows = yield* sql`SELECT address FROM opt_outs WHERE user_id = ${userId} AND ${sql.in("address", [...asked])}`
    const found = new Set((yield* decodeAddresses(rows)).map(({ address }) => address))
    return new Set(addresses.filter((address) => found.has(address) || [...(names.get(address) ?? [])].some((name) => found.has(name))))
  }))
