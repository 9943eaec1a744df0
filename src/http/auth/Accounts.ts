import { Config, Context, Effect, Layer, Option, type Redacted, Schema } from "effect"
import { HttpApiSchema } from "@effect/platform"
import type { Actor } from "../../domain/Audit.ts"
import { InvalidCredentials, type TooManyAttempts, Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Role, User, UserExists, UserId, UserNotFound } from "../../domain/User.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { LoginThrottle, type ThrottleRule } from "../../sql/accounts/LoginThrottle.ts"
import { Users } from "../../sql/accounts/Users.ts"
import { ActiveUsers } from "./ActiveUsers.ts"
import { Passwords } from "./Passwords.ts"

export class RegistrationClosed extends Schema.TaggedError<RegistrationClosed>()(
  "RegistrationClosed",
  {},
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return "Registration is closed; ask an administrator for an account."
  }
}

/** A change of the password asks for the present one. */
export class CurrentPasswordWrong extends Schema.TaggedError<CurrentPasswordWrong>()(
  "CurrentPasswordWrong",
  {},
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return "The current password is missing or wrong."
  }
}

export interface NewAccount {
  readonly username: string
  readonly email: string
  readonly password: Redacted.Redacted
  readonly fullName?: string | null | undefined
}

export interface ProfileChanges {
  readonly username?: string | undefined
  readonly email?: string | undefined
  readonly fullName?: string | null | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly currentPassword?: Redacted.Redacted | undefined
}

/** Users with their passwords. */
export class Accounts extends Context.Tag("whatsapp-service/Accounts")<Accounts, {
  /** Without an `actor` it is the command line that makes the user. */
  readonly createUser: (account: NewAccount & { readonly role: Role }, actor?: Actor) => Effect.Effect<User, UserExists | StorageUnavailable>
  /** Somebody from outside makes himself a user, unless REGISTRATION is closed. */
  readonly register: (account: NewAccount) => Effect.Effect<User, RegistrationClosed | UserExists | StorageUnavailable>
  /** `address` is where the attempt comes from; attempts are throttled by account and by address. */
  readonly login: (login: string, password: Redacted.Redacted, address: string) => Effect.Effect<
    User,
    InvalidCredentials | Unauthorized | TooManyAttempts | StorageUnavailable
  >
  readonly changeProfile: (userId: UserId, changes: ProfileChanges, address: string) => Effect.Effect<
    User,
    CurrentPasswordWrong | TooManyAttempts | UserExists | UserNotFound | StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    Accounts,
    Effect.gen(function*() {
      const users = yield* Users
      const passwords = yield* Passwords
      const throttle = yield* LoginThrottle
      const activeUsers = yield* ActiveUsers
      const audit = yield* AuditLog
      const registration = yield* Config.literal("open", "closed")("REGISTRATION").pipe(Config.withDefault("open" as const))

      const create = Effect.fnUntraced(function*(account: NewAccount & { readonly role: Role }) {
        const passwordHash = yield* passwords.hash(account.password)
        return users.create({
          username: account.username,
          email: account.email,
          fullName: account.fullName ?? null,
          role: account.role,
          passwordHash
        })
      })

      const createUser = Effect.fn("Accounts.createUser")(
        function*(account: NewAccount & { readonly role: Role }, actor?: Actor) {
          return yield* audit.with(yield* create(account), (user) => ({
            actor: actor ?? null,
            action: "user.create",
            target: targetOf(user.id),
            details: { role: user.role }
          }))
        }
      )

      const register = Effect.fn("Accounts.register")(function*(account: NewAccount) {
        if (registration === "closed") return yield* new RegistrationClosed()
        return yield* audit.with(yield* create({ ...account, role: "user" }), (user) => ({
          actor: actorOf(user),
          action: "user.register",
          target: targetOf(user.id)
        }))
      })

      const login = Effect.fn("Accounts.login")(function*(name: string, password: Redacted.Redacted, address: string) {
        const found = yield* users.credentials(name)
        // by id where there is one: e-mail address and username are one account
        const account = Option.match(found, {
          onNone: () => `login:${name.toLowerCase().slice(0, 150)}`,
          onSome: ({ user }) => `user:${user.id}`
        })
        yield* throttle.attempt([accountRule(account), addressRule(address)])
        const hash = Option.getOrUndefined(found)?.passwordHash
        const { matches, outdated } = yield* passwords.check(password, hash)
        if (!matches || Option.isNone(found)) {
          yield* audit.record({
            actor: null,
            action: "login",
            result: "failure",
            // what was typed for a name may have been a password
            ...(Option.isSome(found) && { target: targetOf(found.value.user.id) }),
            details: { reason: Option.isSome(found) ? "wrong password" : "unknown user" }
          })
          return yield* new InvalidCredentials()
        }
        const { user } = found.value
        yield* throttle.succeeded(account, [addressRule(address).key])
        if (!user.isActive) {
          yield* audit.record({
            actor: actorOf(user), action: "login", result: "failure", target: targetOf(user.id), details: { reason: "inactive" }
          })
          return yield* new Unauthorized({ reason: "inactive" })
        }
        if (outdated) {
          const passwordHash = yield* passwords.hash(password)
          yield* users.update(user.id, { passwordHash }).pipe(Effect.catchTags({ UserExists: Effect.die, UserNotFound: Effect.die }))
        }
        yield* audit.with(users.loggedIn(user.id), () => ({ actor: actorOf(user), action: "login", target: targetOf(user.id) }))
        return user
      })

      const confirm = Effect.fnUntraced(function*(userId: UserId, current: Redacted.Redacted | undefined, address: string) {
        if (current === undefined) return yield* new CurrentPasswordWrong()
        const account = `user:${userId}`
        yield* throttle.attempt([accountRule(account), addressRule(address)])
        const { matches } = yield* passwords.check(current, yield* users.passwordHash(userId))
        if (!matches) {
          yield* audit.record({
            actor: actorOf(yield* users.get(userId)),
            action: "profile.update",
            result: "failure",
            target: targetOf(userId),
            details: { reason: "wrong password" }
          })
          return yield* new CurrentPasswordWrong()
        }
        yield* throttle.succeeded(account, [addressRule(address).key])
      })

      const changeProfile = Effect.fn("Accounts.changeProfile")(
        function*(userId: UserId, { currentPassword, password, ...changes }: ProfileChanges, address: string) {
          if (password !== undefined) yield* confirm(userId, currentPassword, address)
          const passwordHash = password === undefined ? undefined : yield* passwords.hash(password)
          return yield* audit.with(users.update(userId, { ...changes, passwordHash }), (user) => ({
            actor: actorOf(user),
            action: "profile.update",
            target: targetOf(userId),
            details: { fields: changedFields({ ...changes, password }) }
          }))
        },
        (effect, userId) => Effect.tap(effect, () => activeUsers.refresh(userId))
      )

      return Accounts.of({ createUser, register, login, changeProfile })
    })
  )
}

const accountRule = (key: string): ThrottleRule => ({ key, free: 5, cap: 300 })
const addressRule = (address: string): ThrottleRule => ({ key: `address:${address}`, free: 20, cap: 900 })

const actorOf = ({ id, username }: User): Actor => ({ userId: id, username })
const targetOf = (userId: UserId) => ({ type: "user" as const, id: String(userId) })

/** The names of what was given. */
export const changedFields = (changes: object): ReadonlyArray<string> =>
  Object.entries(changes).filter(([, value]) => value !== undefined).map(([name]) => name)
