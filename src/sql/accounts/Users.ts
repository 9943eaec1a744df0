import { SqlClient, type SqlError, SqlSchema } from "@effect/sql"
import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type Role, type User, UserExists, UserId, UserNotFound } from "../../domain/User.ts"
import { atBoundary } from "../database/Boundary.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"
import { toUser, userColumns, UserRow } from "./UserRow.ts"

export interface NewUser {
  readonly username: string
  readonly email: string
  readonly passwordHash: string
  readonly fullName: string | null
  readonly role: Role
}

/** What is undefined stays as it is. */
export interface UserChanges {
  readonly username?: string | undefined
  readonly email?: string | undefined
  readonly fullName?: string | null | undefined
  readonly passwordHash?: string | undefined
  readonly role?: Role | undefined
  readonly isActive?: boolean | undefined
}

export interface UserCredentials {
  readonly user: User
  readonly passwordHash: string
}

/** The `users` table. Usernames and e-mail addresses are unique regardless of case. */
export class Users extends Context.Tag("whatsapp-service/Users")<Users, {
  readonly create: (user: NewUser) => Effect.Effect<User, UserExists | StorageUnavailable>
  readonly get: (id: UserId) => Effect.Effect<User, UserNotFound | StorageUnavailable>
  /** By e-mail address or username. */
  readonly credentials: (login: string) => Effect.Effect<Option.Option<UserCredentials>, StorageUnavailable>
  readonly passwordHash: (id: UserId) => Effect.Effect<string, UserNotFound | StorageUnavailable>
  readonly update: (id: UserId, changes: UserChanges) => Effect.Effect<User, UserExists | UserNotFound | StorageUnavailable>
  readonly loggedIn: (id: UserId) => Effect.Effect<void, StorageUnavailable>
  readonly hasAdmin: Effect.Effect<boolean, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Users,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { insert } = yield* makeDialect

      const columns = sql.literal(userColumns)
      const byId = SqlSchema.findOne({
        Request: UserId,
        Result: UserRow,
        execute: (id) => sql`SELECT ${columns} FROM users WHERE id = ${id}`
      })
      const byLogin = SqlSchema.findOne({
        Request: Schema.String,
        Result: UserRow,
        execute: (login) =>
          sql`SELECT ${columns} FROM users WHERE email = ${login} OR username_lower = ${login} ORDER BY id LIMIT 1`
      })
      const anyAdmin = SqlSchema.findOne({
        Request: Schema.Void,
        Result: Schema.Struct({ id: UserId }),
        execute: () => sql`SELECT id FROM users WHERE role = 'admin' AND is_active = 1 LIMIT 1`
      })

      const row = (id: UserId) =>
        Effect.flatMap(byId(id), Option.match({
          onNone: () => new UserNotFound({ userId: id }),
          onSome: Effect.succeed
        }))

      /** Which unique column refused the write; a refusal for any other reason is the database's trouble. */
      const taken = (error: SqlError.SqlError, user: UserChanges, except: number) =>
        Effect.gen(function*() {
          if (!isDuplicate(error)) return yield* error
          if (user.username === undefined) return yield* new UserExists({ field: "email" })
          const namesakes = yield* sql`SELECT id FROM users
            WHERE username_lower = ${user.username.toLowerCase()} AND id <> ${except}`
          return yield* new UserExists({ field: namesakes.length > 0 ? "username" : "email" })
        })

      const create = Effect.fn("Users.create")(function*(user: NewUser) {
        const now = yield* Clock.currentTimeMillis
        const id = yield* insert("users", {
          username: user.username,
          usernameLower: user.username.toLowerCase(),
          email: user.email.toLowerCase(),
          passwordHash: user.passwordHash,
          fullName: user.fullName,
          role: user.role,
          isActive: 1,
          createdAt: now,
          updatedAt: now
        }).pipe(Effect.catchTag("SqlError", (error) => taken(error, user, 0)))
        return toUser(Option.getOrThrow(yield* byId(UserId.make(id))))
      }, atBoundary)

      const get = Effect.fn("Users.get")((id: UserId) => Effect.map(row(id), toUser), atBoundary)

      const credentials = Effect.fn("Users.credentials")(
        (login: string) =>
          Effect.map(
            byLogin(login.toLowerCase()),
            Option.map((found) => ({ user: toUser(found), passwordHash: found.passwordHash }))
          ),
        atBoundary
      )

      const passwordHash = Effect.fn("Users.passwordHash")(
        (id: UserId) => Effect.map(row(id), (found) => found.passwordHash),
        atBoundary
      )

      const update = Effect.fn("Users.update")(function*(id: UserId, changes: UserChanges) {
        const now = yield* Clock.currentTimeMillis
        yield* row(id)
        yield* sql`UPDATE users SET ${sql.update(columnsOf(changes, now))} WHERE id = ${id}`.pipe(
          Effect.catchTag("SqlError", (error) => taken(error, changes, id))
        )
        return toUser(yield* row(id))
      }, atBoundary)

      const loggedIn = Effect.fn("Users.loggedIn")(function*(id: UserId) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE users SET last_login = ${now} WHERE id = ${id}`
      }, atBoundary)

      const hasAdmin = Effect.map(anyAdmin(), Option.isSome).pipe(atBoundary, Effect.withSpan("Users.hasAdmin"))

      return Users.of({ create, get, credentials, passwordHash, update, loggedIn, hasAdmin })
    })
  )
}

const columnsOf = (changes: UserChanges, now: number): Record<string, string | number | null> => ({
  updatedAt: now,
  ...(changes.username !== undefined && {
    username: changes.username,
    usernameLower: changes.username.toLowerCase()
  }),
  ...(changes.email !== undefined && { email: changes.email.toLowerCase() }),
  ...(changes.fullName !== undefined && { fullName: changes.fullName }),
  ...(changes.passwordHash !== undefined && { passwordHash: changes.passwordHash }),
  ...(changes.role !== undefined && { role: changes.role }),
  ...(changes.isActive !== undefined && { isActive: changes.isActive ? 1 : 0 })
})
