import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import type { UserId } from "../../src/domain/User.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { describeDatabases } from "../support/databases.ts"

const siti = { username: "Siti", email: "Siti@Example.com", passwordHash: "$argon2id$x", fullName: "Siti R.", role: "user" } as const
const named = (name: string) => ({ ...siti, username: name, email: `${name}@example.com` })

describeDatabases("Users", (database) => {
  layer(Users.layer.pipe(Layer.provideMerge(database.layer)))((it) => {
    it.effect("are found by name or e-mail address in any case, and keep the name as written", () =>
      Effect.gen(function*() {
        const users = yield* Users
        const created = yield* users.create(siti)
        expect(created).toMatchObject({ username: "Siti", email: "siti@example.com", fullName: "Siti R.", isActive: true, lastLogin: null })
        for (const login of ["siti", "SITI", "siti@EXAMPLE.com"]) {
          const found = Option.getOrThrow(yield* users.credentials(login))
          expect(found).toMatchObject({ user: created, passwordHash: "$argon2id$x" })
        }
        expect(Option.isNone(yield* users.credentials("nobody"))).toBe(true)
        expect(yield* Effect.flip(users.get(9999 as UserId))).toMatchObject({ _tag: "UserNotFound", userId: 9999 })
      }))

    it.effect("have names and addresses of their own, whatever the case, also under a race", () =>
      Effect.gen(function*() {
        const users = yield* Users
        yield* users.create(named("wayan"))
        expect(yield* Effect.flip(users.create({ ...named("WAYAN"), email: "x@example.com" }))).toMatchObject({ _tag: "UserExists", field: "username" })
        expect(yield* Effect.flip(users.create({ ...named("other"), email: "WAYAN@example.com" }))).toMatchObject({ field: "email" })
        const race = yield* Effect.all(
          Array.from({ length: 4 }, () => Effect.either(users.create(named("made")))),
          { concurrency: 4 }
        )
        expect(race.filter(({ _tag }) => _tag === "Right")).toHaveLength(1)
      }))

    it.effect("change what is named and nothing else", () =>
      Effect.gen(function*() {
        const users = yield* Users
        const { id } = yield* users.create(named("ketut"))
        yield* users.create(named("putu"))
        expect(yield* users.update(id, { fullName: null })).toMatchObject({ username: "ketut", fullName: null, role: "user" })
        expect(yield* users.update(id, { username: "Ketut2", isActive: false, role: "admin" })).toMatchObject({ username: "Ketut2", isActive: false, role: "admin" })
        expect(Option.isSome(yield* users.credentials("ketut2"))).toBe(true)
        expect(yield* Effect.flip(users.update(id, { email: "PUTU@example.com" }))).toMatchObject({ _tag: "UserExists", field: "email" })
        expect(yield* Effect.flip(users.update(id, { username: "PUTU", email: "new@example.com" }))).toMatchObject({ field: "username" })
        expect(yield* Effect.flip(users.update(9999 as UserId, { fullName: "x" }))).toMatchObject({ _tag: "UserNotFound" })
        yield* users.loggedIn(id)
        expect((yield* users.get(id)).lastLogin).not.toBeNull()
      }))

    it.effect("an administrator who has been deactivated does not count as one", () =>
      Effect.gen(function*() {
        const users = yield* Users
        yield* (yield* SqlClient.SqlClient)`DELETE FROM users`
        expect(yield* users.hasAdmin).toBe(false)
        const { id } = yield* users.create({ ...named("root"), role: "admin" })
        expect(yield* users.hasAdmin).toBe(true)
        yield* users.update(id, { isActive: false })
        expect(yield* users.hasAdmin).toBe(false)
      }))
  })
})
