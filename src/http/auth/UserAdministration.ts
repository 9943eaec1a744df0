import { Context, Effect, Layer, type Redacted } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import type { Actor } from "../../domain/Audit.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import {
  type CannotInherit, type LastAdministrator, OwnAccount, type User, type UserExists, UserHasDevices, type UserId, type UserNotFound
} from "../../domain/User.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { RefreshTokens } from "../../sql/accounts/RefreshTokens.ts"
import { UserDirectory } from "../../sql/accounts/UserDirectory.ts"
import { type UserChanges, Users } from "../../sql/accounts/Users.ts"
import type { DevicesFate } from "../contract/AdminUsersApi.ts"
import { changedFields } from "./Accounts.ts"
import { ActiveUsers } from "./ActiveUsers.ts"
import { Passwords } from "./Passwords.ts"

export interface AdminChanges extends Omit<UserChanges, "passwordHash"> {
  readonly password?: Redacted.Redacted | undefined
}

export interface Removal {
  readonly deviceCount: number
  readonly devices: "none" | "deleted" | "transferred"
}

/** What administrators do to users. There always remains one who can let others in. */
export class UserAdministration extends Context.Tag("whatsapp-service/UserAdministration")<UserAdministration, {
  /** A new role or password and a deactivation end the user's logins. */
  readonly change: (id: UserId, changes: AdminChanges, actor: Actor) => Effect.Effect<
    User,
    UserNotFound | UserExists | LastAdministrator | OwnAccount | StorageUnavailable
  >
  readonly remove: (id: UserId, fate: DevicesFate | undefined, actor: Actor) => Effect.Effect<
    Removal,
    CannotInherit | UserNotFound | UserHasDevices | LastAdministrator | OwnAccount | StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    UserAdministration,
    Effect.gen(function*() {
      const users = yield* Users
      const directory = yield* UserDirectory
      const refreshTokens = yield* RefreshTokens
      const passwords = yield* Passwords
      const activeUsers = yield* ActiveUsers
      const actors = yield* DeviceActors
      const audit = yield* AuditLog

      const change = Effect.fn("UserAdministration.change")(
        function*(id: UserId, { password, ...changes }: AdminChanges, actor: Actor) {
          const leaves = changes.role === "user" || changes.isActive === false
          if (leaves && id === actor.userId) return yield* new OwnAccount()
          const passwordHash = password === undefined ? undefined : yield* passwords.hash(password)
          const write = Effect.gen(function*() {
            const before = yield* users.get(id)
            if (leaves && before.isAdmin && before.isActive) yield* directory.canSpare(id)
            const after = yield* users.update(id, { ...changes, passwordHash })
            if (password !== undefined || after.role !== before.role || (before.isActive && !after.isActive)) {
              yield* refreshTokens.revoke(id)
            }
            return after
          })
          return yield* audit.with(write, () => ({
            actor,
            action: "user.update",
            target: { type: "user", id: String(id) },
            details: {
              fields: changedFields({ ...changes, password }),
              ...(changes.role !== undefined && { role: changes.role }),
              ...(changes.isActive !== undefined && { isActive: changes.isActive })
            }
          }))
        },
        (effect, id) => Effect.tap(effect, () => activeUsers.refresh(id))
      )

      const remove = Effect.fn("UserAdministration.remove")(
        function*(id: UserId, fate: DevicesFate | undefined, actor: Actor) {
          if (id === actor.userId) return yield* new OwnAccount()
          const write = Effect.gen(function*() {
            const { isActive, isAdmin, username } = yield* users.get(id)
            if (isAdmin && isActive) yield* directory.canSpare(id)
            const { count, deviceIds } = yield* directory.devicesOf(id, 100)
            if (count > 0 && fate === undefined) {
              return yield* new UserHasDevices({ userId: id, deviceCount: count, deviceIds: deviceIds.slice(0, 20) })
            }
            if (fate?._tag === "Transfer") yield* directory.handOver(id, fate.to)
            else yield* directory.dropDevices(id)
            yield* directory.remove(id)
            return { count, deviceIds, username }
          })
          const { count, deviceIds } = yield* audit.with(write, (gone) => ({
            actor,
            action: "user.delete",
            target: { type: "user", id: String(id) },
            details: {
              username: gone.username,
              devices: gone.count,
              ...(fate?._tag === "Transfer" && { transferredTo: fate.to })
            }
          }))
          if (count === 0) return { deviceCount: 0, devices: "none" } as const
          if (fate?._tag === "Transfer") return { deviceCount: count, devices: "transferred" } as const
          // what does not go at once goes in the supervisor's next round: that it is to go is written down
          yield* Effect.forEach(deviceIds, (deviceId) => Effect.ignoreLogged(actors.remove(deviceId)), {
            concurrency: 16,
            discard: true
          }).pipe(Effect.timeoutOption("10 seconds"))
          return { deviceCount: count, devices: "deleted" } as const
        },
        (effect, id) => Effect.tap(effect, () => activeUsers.refresh(id))
      )

      return UserAdministration.of({ change, remove })
    })
  )
}
