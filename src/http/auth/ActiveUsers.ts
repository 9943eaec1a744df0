import { Cache, Context, Effect, Exit, Layer } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { User, UserId } from "../../domain/User.ts"
import { Users } from "../../sql/Users.ts"

/** The users behind valid tokens, re-read every few seconds: a role taken away or a deactivation counts that soon. */
export class ActiveUsers extends Context.Tag("whatsapp-service/ActiveUsers")<ActiveUsers, {
  readonly get: (userId: UserId) => Effect.Effect<User, Unauthorized | StorageUnavailable>
  /** Forgets what is known of a user who has just changed. */
  readonly refresh: (userId: UserId) => Effect.Effect<void>
}>() {
  static readonly layer = Layer.effect(
    ActiveUsers,
    Effect.gen(function*() {
      const users = yield* Users
      const cache = yield* Cache.makeWith({
        capacity: 10_000,
        lookup: users.get,
        timeToLive: Exit.match({ onSuccess: () => "5 seconds" as const, onFailure: () => 0 })
      })
      return ActiveUsers.of({
        get: (userId) =>
          cache.get(userId).pipe(
            Effect.catchTag("UserNotFound", () => new Unauthorized({ reason: "invalid" })),
            Effect.filterOrFail((user) => user.isActive, () => new Unauthorized({ reason: "inactive" }))
          ),
        refresh: (userId) => cache.invalidate(userId)
      })
    })
  )
}
