import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, Data, type DateTime, Effect, Layer, Option, Schedule, Schema } from "effect"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

export interface RefreshTokenGrant {
  readonly userId: UserId
  /** all tokens that descend from one login */
  readonly familyId: string
  /** SHA-256 in hex: the token itself is never stored */
  readonly tokenHash: string
  readonly expiresAt: DateTime.Utc
}

/** What became of a token that somebody showed. */
export type Redemption = Data.TaggedEnum<{
  Rotated: { readonly userId: UserId; readonly familyId: string }
  /** it was used before: two parties hold it, and its family has been ended */
  Reused: { readonly userId: UserId; readonly familyId: string }
  /** unknown, expired, or of a family that has ended */
  Refused: {}
}>
export const Redemption = Data.taggedEnum<Redemption>()

/** The `refresh_tokens` table. A token is good for one use; the one that follows it belongs to the same family. */
export class RefreshTokens extends Context.Tag("whatsapp-service/RefreshTokens")<RefreshTokens, {
  readonly grant: (token: RefreshTokenGrant) => Effect.Effect<void, StorageUnavailable>
  /** Uses `tokenHash` up and grants `next`, both or neither. */
  readonly rotate: (
    tokenHash: string,
    next: { readonly tokenHash: string; readonly expiresAt: DateTime.Utc }
  ) => Effect.Effect<Redemption, StorageUnavailable>
  /** Whether the family has been ended before its time. */
  readonly isRevoked: (familyId: string) => Effect.Effect<boolean, StorageUnavailable>
  /** Ends all of a user's families but one. */
  readonly revoke: (userId: UserId, exceptFamily?: string) => Effect.Effect<void, StorageUnavailable>
  /** Removes at most `limit` expired rows. */
  readonly prune: (limit: number) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    RefreshTokens,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, insert, limit } = yield* makeDialect

      const byHash = SqlSchema.findOne({
        Request: Schema.String,
        Result: TokenRow,
        execute: (tokenHash) =>
          sql`SELECT user_id, family_id, expires_at, used_at, revoked_at FROM refresh_tokens
            WHERE token_hash = ${tokenHash} ${forUpdate}`
      })

      const add = (token: RefreshTokenGrant, now: number) =>
        insert("refresh_tokens", {
          userId: token.userId,
          familyId: token.familyId,
          tokenHash: token.tokenHash,
          createdAt: now,
          expiresAt: token.expiresAt.epochMillis
        })

      const grant = Effect.fn("RefreshTokens.grant")(function*(token: RefreshTokenGrant) {
        yield* add(token, yield* Clock.currentTimeMillis)
      }, atBoundary)

      const rotate = Effect.fn("RefreshTokens.rotate")(
        function*(tokenHash: string, next: { readonly tokenHash: string; readonly expiresAt: DateTime.Utc }) {
          const now = yield* Clock.currentTimeMillis
          // locked: the second of two who show one token waits, and then sees that it is used
          const found = yield* byHash(tokenHash)
          if (Option.isNone(found)) return Redemption.Refused()
          const { expiresAt, familyId, revokedAt, usedAt, userId } = found.value
          if (usedAt !== null) {
            yield* sql`UPDATE refresh_tokens SET revoked_at = ${now} WHERE family_id = ${familyId} AND revoked_at IS NULL`
            return Redemption.Reused({ userId, familyId })
          }
          if (revokedAt !== null || expiresAt <= now) return Redemption.Refused()
          yield* sql`UPDATE refresh_tokens SET used_at = ${now} WHERE token_hash = ${tokenHash} AND used_at IS NULL`
          yield* add({ userId, familyId, ...next }, now)
          return Redemption.Rotated({ userId, familyId })
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const revoke = Effect.fn("RefreshTokens.revoke")(function*(userId: UserId, exceptFamily?: string) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE refresh_tokens SET revoked_at = ${now}
          WHERE user_id = ${userId} AND revoked_at IS NULL AND family_id <> ${exceptFamily ?? ""}`
      }, atBoundary)

      const isRevoked = Effect.fn("RefreshTokens.isRevoked")(function*(familyId: string) {
        const rows = yield* sql`SELECT id FROM refresh_tokens
          WHERE family_id = ${familyId} AND revoked_at IS NOT NULL LIMIT 1`
        return rows.length > 0
      }, atBoundary)

      const prune = Effect.fn("RefreshTokens.prune")(function*(rows: number) {
        const now = yield* Clock.currentTimeMillis
        // MySQL takes no LIMIT in a subquery of IN, but in a derived table
        yield* sql`DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM
          (SELECT id FROM refresh_tokens WHERE expires_at < ${now} ORDER BY expires_at ${limit(rows)}) AS expired)`
      }, atBoundary)

      yield* prune(1000).pipe(
        Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Expired refresh tokens were not removed", error)),
        Effect.repeat(pruning),
        Effect.forkScoped
      )

      return RefreshTokens.of({ grant, rotate, isRevoked, revoke, prune })
    })
  )
}

const pruning = Schedule.jittered(Schedule.spaced("10 minutes"))

const TokenRow = Schema.Struct({
  userId: UserId,
  familyId: Schema.String,
  expiresAt: Schema.Int,
  usedAt: Schema.NullOr(Schema.Int),
  revokedAt: Schema.NullOr(Schema.Int)
})
