import { Cache, Context, Effect, Exit, Layer } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { User, UserId } from "../../domain/User.ts"
import { RefreshTokens } from "../../sql/accounts/RefreshTokens.ts"
import { Users } from "../../sql/accounts/Users.ts"

/**
 * The users behind valid credentials, re-read every few seconds: a role taken away, a deactivation or the end of a login
 * counts that soon on other nodes, and at once on the one where it happened.
 */
export class ActiveUsers extends Context.Tag("whatsapp-service/ActiveUsers")<ActiveUsers, {
  readonly get: (userId: UserId) => Effect.Effect<User, Unauthorized | StorageUnavailable>
  /** Whether the login has not been ended. */
  readonly isLoggedIn: (familyId: string) => Effect.Effect<boolean, StorageUnavailable>
  /** Forgets what is known of a user who has just changed, and of all logins. */
  readonly refresh: (userId: UserId) => Effect.Effect<void>
}>() {
  static readonly layer = Layer.effect(
    ActiveUsers,
    Effect.gen(function*() {
      const users = yield* Users
      const refreshTokens = yield* RefreshTokens
      const brief = {
        capacity: 10_000,
        timeToLive: Exit.match({ onSuccess: () => "5 seconds" as const, onFailure: () => 0 })
      }
      const cache = yield* Cache.makeWith({ ...brief, lookup: users.get })
      const ended = yield* Cache.makeWith({ ...brief, lookup: refreshTokens.isRevoked })

      return ActiveUsers.of({
        get: (userId) =>
          cache.get(userId).pipe(
            Effect.catchTag("UserNotFound", () => new Unauthorized({ reason: "invalid" })),
            Effect.filterOrFail((user) => user.isActive, () => new Unauthorized({ reason: "inactive" }))
          ),
        isLoggedIn: (familyId) => Effect.map(ended.get(familyId), (isEnded) => !isEnded),
        refresh: (userId) => Effect.zipRight(cache.invalidate(userId), ended.invalidateAll)
      })
    })
  )
}
