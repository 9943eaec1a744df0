import { Context, type DateTime, Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { User, UserId } from "../../domain/User.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { RefreshTokens } from "../../sql/accounts/RefreshTokens.ts"
import { ActiveUsers } from "./ActiveUsers.ts"
import { tokenHash, Tokens } from "./Tokens.ts"

export interface Session {
  readonly token: string
  readonly refreshToken: string
  readonly expiresAt: DateTime.Utc
}

/** Logins and what descends from them: a family of refresh tokens, of which only the newest is good. */
export class Sessions extends Context.Tag("whatsapp-service/Sessions")<Sessions, {
  readonly open: (userId: UserId) => Effect.Effect<Session, StorageUnavailable>
  /** The refresh token is used up; showing it again ends the whole family. */
  readonly refresh: (refreshToken: string) => Effect.Effect<Session & { readonly user: User }, Unauthorized | StorageUnavailable>
  /** Ends all of a user's logins, or all but one. */
  readonly end: (userId: UserId, exceptFamily?: string) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function*() {
      const tokens = yield* Tokens
      const refreshTokens = yield* RefreshTokens
      const activeUsers = yield* ActiveUsers
      const audit = yield* AuditLog

      const open = Effect.fn("Sessions.open")(function*(userId: UserId) {
        const familyId = randomUUID()
        const next = yield* tokens.signRefresh(userId, familyId)
        yield* refreshTokens.grant({ userId, familyId, tokenHash: tokenHash(next.token), expiresAt: next.expiresAt })
        const access = yield* tokens.signAccess(userId, familyId)
        return { ...access, refreshToken: next.token }
      })

      const refresh = Effect.fn("Sessions.refresh")(function*(refreshToken: string) {
        const { familyId, userId } = yield* tokens.verifyRefresh(refreshToken)
        const user = yield* activeUsers.get(userId)
        const next = yield* tokens.signRefresh(userId, familyId)
        const redemption = yield* refreshTokens.rotate(tokenHash(refreshToken), {
          tokenHash: tokenHash(next.token),
          expiresAt: next.expiresAt
        })
        if (redemption._tag === "Reused") {
          yield* Effect.logWarning("A refresh token was used twice; its login has been ended").pipe(
            Effect.annotateLogs({ userId, familyId })
          )
          yield* audit.record({
            actor: null,
            action: "token.reuse",
            result: "failure",
            target: { type: "user", id: String(userId) }
          })
          yield* activeUsers.refresh(userId)
        }
        if (redemption._tag !== "Rotated") return yield* new Unauthorized({ reason: "invalid" })
        const access = yield* tokens.signAccess(userId, familyId)
        return { ...access, refreshToken: next.token, user }
      })

      return Sessions.of({
        open,
        refresh,
        end: (userId, exceptFamily) => Effect.zipRight(refreshTokens.revoke(userId, exceptFamily), activeUsers.refresh(userId))
      })
    })
  )
}
