import { Cache, Context, Effect, Exit, Layer } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { User, UserId } from "../../domain/User.ts"
import { RefreshTokens } from "../../sql/RefreshTokens.ts"
import { Users } from "../../sql/Users.ts"
import type { Claims } from "./Tokens.ts"

/** The users behind valid tokens, re-read every few seconds: a role taken away, a deactivation or the end of a login counts that soon. */
export class ActiveUsers extends Context.Tag("whatsapp-service/ActiveUsers")<ActiveUsers, {
  readonly get: (userId: UserId) => Effect.Effect<User, Unauthorized | StorageUnavailable>
  /** The same, if the login that the token descends from has not been ended. */
  readonly behind: (claims: Pick<Claims, "userId" | "familyId">) => Effect.Effect<User, Unauthorized | StorageUnavailable>
  /** Forgets what is known of a user who has just changed. */
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

      const get = (userId: UserId) =>
        cache.get(userId).pipe(
          Effect.catchTag("UserNotFound", () => new Unauthorized({ reason: "invalid" })),
          Effect.filterOrFail((user) => user.isActive, () => new Unauthorized({ reason: "inactive" }))
        )
      return ActiveUsers.of({
        get,
        behind: ({ familyId, userId }) =>
          Effect.flatMap(ended.get(familyId), (isEnded) => isEnded ? new Unauthorized({ reason: "invalid" }) : get(userId)),
        refresh: (userId) => cache.invalidate(userId)
      })
    })
  )
}
