import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, type DateTime, Effect, Layer, Option, Schedule, Schema, Struct } from "effect"
import { ApiKey, ApiKeyId, ApiKeyNotFound, ApiKeyScope, TooManyApiKeys } from "../../domain/ApiKey.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { UserId, UserNotFound } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

export interface NewApiKey {
  readonly userId: UserId
  readonly name: string
  readonly prefix: string
  /** SHA-256 in hex: the secret itself is never stored */
  readonly secretHash: string
  readonly scopes: ReadonlyArray<ApiKeyScope>
  readonly devices: ReadonlyArray<DeviceId> | null
  readonly expiresAt: DateTime.Utc | null
}

/** Good and bad ones together; those that have been revoked are removed after a while. */
const mostPerUser = 100

/** The `api_keys` table. */
export class ApiKeys extends Context.Tag("whatsapp-service/ApiKeys")<ApiKeys, {
  readonly create: (key: NewApiKey) => Effect.Effect<ApiKey, TooManyApiKeys | UserNotFound | StorageUnavailable>
  readonly byPrefix: (prefix: string) => Effect.Effect<
    Option.Option<{ readonly key: ApiKey; readonly secretHash: string }>,
    StorageUnavailable
  >
  /** All of a user's keys, newest first: there are never many. */
  readonly list: (userId: UserId) => Effect.Effect<ReadonlyArray<ApiKey>, StorageUnavailable>
  /** A key that has been revoked stays so, and is answered as it is. */
  readonly revoke: (userId: UserId, id: ApiKeyId) => Effect.Effect<ApiKey, ApiKeyNotFound | StorageUnavailable>
  readonly used: (id: ApiKeyId) => Effect.Effect<void, StorageUnavailable>
  /** Removes at most `limit` keys that were revoked or have expired long ago. */
  readonly prune: (limit: number) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    ApiKeys,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, insert, limit } = yield* makeDialect
      const columns = sql.literal(
        "id, user_id, name, prefix, secret_hash, scopes, devices, created_at, expires_at, last_used_at, revoked_at"
      )
      const byPrefix = SqlSchema.findOne({
        Request: Schema.String,
        Result: ApiKeyRow,
        execute: (prefix) => sql`SELECT ${columns} FROM api_keys WHERE prefix = ${prefix}`
      })
      const ofUser = SqlSchema.findAll({
        Request: UserId,
        Result: ApiKeyRow,
        execute: (userId) => sql`SELECT ${columns} FROM api_keys WHERE user_id = ${userId} ORDER BY id DESC ${limit(mostPerUser)}`
      })
      const one = SqlSchema.findOne({
        Request: Schema.Struct({ userId: UserId, id: ApiKeyId }),
        Result: ApiKeyRow,
        execute: ({ id, userId }) => sql`SELECT ${columns} FROM api_keys WHERE user_id = ${userId} AND id = ${id}`
      })

      const create = Effect.fn("ApiKeys.create")(
        function*(key: NewApiKey) {
          // locked: of two who make the last one, one does
          const owner = yield* sql`SELECT id FROM users WHERE id = ${key.userId} ${forUpdate}`
          if (owner.length === 0) return yield* new UserNotFound({ userId: key.userId })
          if ((yield* ofUser(key.userId)).length >= mostPerUser) return yield* new TooManyApiKeys({ limit: mostPerUser })
          const id = yield* insert("api_keys", {
            userId: key.userId,
            name: key.name,
            prefix: key.prefix,
            secretHash: key.secretHash,
            scopes: key.scopes.join(","),
            devices: key.devices === null ? null : yield* encodeDevices(key.devices),
            createdAt: yield* Clock.currentTimeMillis,
            expiresAt: key.expiresAt?.epochMillis ?? null
          })
          return toKey(Option.getOrThrow(yield* one({ userId: key.userId, id: ApiKeyId.make(id) })))
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const revoke = Effect.fn("ApiKeys.revoke")(function*(userId: UserId, id: ApiKeyId) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE api_keys SET revoked_at = ${now} WHERE user_id = ${userId} AND id = ${id} AND revoked_at IS NULL`
        return toKey(yield* Effect.flatMap(one({ userId, id }), Option.match({
          onNone: () => new ApiKeyNotFound({ apiKeyId: id }),
          onSome: Effect.succeed
        })))
      }, atBoundary)

      const used = Effect.fn("ApiKeys.used")(function*(id: ApiKeyId) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE api_keys SET last_used_at = ${now}
          WHERE id = ${id} AND (last_used_at IS NULL OR last_used_at <= ${now - usedEvery})`
      }, atBoundary)

      const prune = Effect.fn("ApiKeys.prune")(function*(rows: number) {
        const before = (yield* Clock.currentTimeMillis) - rememberedFor
        yield* sql`DELETE FROM api_keys WHERE id IN (SELECT id FROM
          (SELECT id FROM api_keys WHERE revoked_at < ${before} OR expires_at < ${before} ${limit(rows)}) AS old)`
      }, atBoundary)

      yield* prune(1000).pipe(
        Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Old API keys were not removed", error)),
        Effect.repeat(pruning),
        Effect.forkScoped
      )

      return ApiKeys.of({
        create,
        byPrefix: Effect.fn("ApiKeys.byPrefix")(
          (prefix: string) => Effect.map(byPrefix(prefix), Option.map((row) => ({ key: toKey(row), secretHash: row.secretHash }))),
          atBoundary
        ),
        list: Effect.fn("ApiKeys.list")((userId: UserId) => Effect.map(ofUser(userId), (rows) => rows.map(toKey)), atBoundary),
        revoke,
        used,
        prune
      })
    })
  )
}

/** Milliseconds. */
const usedEvery = 60_000
const rememberedFor = 30 * 86_400_000
const pruning = Schedule.jittered(Schedule.spaced("1 hour"))

const Devices = Schema.parseJson(Schema.Array(DeviceId))
const encodeDevices = Schema.encode(Devices)
const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)

const ApiKeyRow = Schema.Struct({
  id: ApiKeyId,
  userId: UserId,
  name: Schema.String,
  prefix: Schema.String,
  secretHash: Schema.String,
  scopes: Schema.split(",").pipe(Schema.compose(Schema.Array(ApiKeyScope), { strict: false })),
  devices: Schema.NullOr(Devices),
  createdAt: Schema.DateTimeUtcFromNumber,
  expiresAt: time,
  lastUsedAt: time,
  revokedAt: time
})

const toKey = (row: typeof ApiKeyRow.Type) => new ApiKey(Struct.omit(row, "secretHash"), { disableValidation: true })
