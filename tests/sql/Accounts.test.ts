import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { ConfigProvider, DateTime, Effect, Layer, Option, TestClock } from "effect"
import { Origin } from "../../src/domain/Audit.ts"
import { DeviceId } from "../../src/domain/DeviceId.ts"
import type { UserId } from "../../src/domain/User.ts"
import { AccountRepositories } from "../../src/sql/accounts/AccountRepositories.ts"
import { ApiKeys } from "../../src/sql/accounts/ApiKeys.ts"
import { AuditLog } from "../../src/sql/admin/AuditLog.ts"
import { EventTickets } from "../../src/sql/accounts/EventTickets.ts"
import { UserDirectory } from "../../src/sql/accounts/UserDirectory.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { describeDatabases } from "../support/databases.ts"

const day = 86_400_000
let made = 0
const makeUser = (role: "admin" | "user" = "user") =>
  Effect.flatMap(Users, (users) => {
    const username = `user${++made}`
    return users.create({ username, email: `${username}@example.com`, passwordHash: "-", fullName: null, role })
  })
const newKey = (userId: UserId, prefix: string) => ({
  userId, prefix, name: "Kasir", secretHash: "ab".repeat(32), scopes: ["read", "send"], devices: [DeviceId.make("device-1")], expiresAt: null
} as const)
const makeSession = (deviceId: string, userId: UserId) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql`INSERT INTO whatsapp_sessions ${
      sql.insert({ deviceId, userId, deviceName: "x", status: "disconnected", since: 0, wanted: "offline", createdAt: 0, updatedAt: 0 })
    }`)

describeDatabases("Accounts", (database) => {
  const settings = Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["AUDIT_RETENTION_DAYS", "10"]])))
  layer(AccountRepositories.pipe(Layer.provideMerge(database.layer), Layer.provide(settings)))((it) => {
    it.effect("API keys are found by their prefix, in its very letters, and change only for their owner", () =>
      Effect.gen(function*() {
        const keys = yield* ApiKeys
        const [owner, other] = [yield* makeUser(), yield* makeUser()]
        const key = yield* keys.create(newKey(owner.id, "AbCdEfGhIjKl"))
        expect(key).toMatchObject({ scopes: ["read", "send"], devices: ["device-1"], expiresAt: null, revokedAt: null })
        expect(Option.getOrThrow(yield* keys.byPrefix("AbCdEfGhIjKl"))).toEqual({ key, secretHash: "ab".repeat(32) })
        expect(Option.isNone(yield* keys.byPrefix("abcdefghijkl"))).toBe(true)
        expect((yield* Effect.flip(keys.revoke(other.id, key.id)))._tag).toBe("ApiKeyNotFound")
        const revoked = yield* keys.revoke(owner.id, key.id)
        expect(yield* keys.revoke(owner.id, key.id)).toEqual(revoked)
        expect((yield* Effect.flip(keys.create(newKey(9999 as UserId, "x"))))._tag).toBe("UserNotFound")
        yield* keys.prune(10)
        expect(yield* keys.list(owner.id)).toEqual([revoked])
        yield* (yield* SqlClient.SqlClient)`UPDATE api_keys SET revoked_at = ${-31 * day}`
        yield* keys.prune(10)
        expect(yield* keys.list(owner.id)).toEqual([])
      }))

    it.effect("a user has so many API keys and no more, also when many are made at once", () =>
      Effect.gen(function*() {
        const keys = yield* ApiKeys
        const { id } = yield* makeUser()
        yield* Effect.forEach(Array.from({ length: 98 }, (_, n) => n), (n) => keys.create(newKey(id, `many-${n}`)), { discard: true })
        const race = yield* Effect.all(
          Array.from({ length: 5 }, (_, n) => Effect.either(keys.create(newKey(id, `race-${n}`)))),
          { concurrency: 5 }
        )
        expect(race.filter(({ _tag }) => _tag === "Right")).toHaveLength(2)
        expect(yield* keys.list(id)).toHaveLength(100)
      }), 60_000)

    it.effect("of many who show one ticket at once one gets in, and none too late", () =>
      Effect.gen(function*() {
        const tickets = yield* EventTickets
        const grant = {
          userId: 1 as UserId, familyId: "f", apiKeyPrefix: null, devices: [DeviceId.make("device-1")], streamUntil: DateTime.unsafeMake(5000)
        }
        yield* tickets.issue("a", grant, 60_000)
        const shown = yield* Effect.all(Array.from({ length: 6 }, () => tickets.redeem("a")), { concurrency: 6 })
        expect(Option.getOrThrow(shown.find(Option.isSome)!)).toEqual(grant)
        expect(shown.filter(Option.isSome)).toHaveLength(1)
        yield* tickets.issue("b", { ...grant, devices: null }, 60_000)
        yield* TestClock.adjust("1 minute")
        expect(Option.isNone(yield* tickets.redeem("b"))).toBe(true)
        yield* tickets.prune(10)
        expect(yield* (yield* SqlClient.SqlClient)`SELECT * FROM event_tickets`).toEqual([])
      }))

    it.effect("an entry of the audit log stands and falls with its change", () =>
      Effect.gen(function*() {
        const audit = yield* AuditLog
        const users = yield* Users
        const user = yield* makeUser()
        const entry = () => ({ actor: null, action: "user.update", target: { type: "user", id: String(user.id) }, details: { fields: ["role"] } } as const)
        yield* audit.with(users.update(user.id, { fullName: "New" }), entry).pipe(
          Effect.provideService(Origin, { address: "10.0.0.1", userAgent: "x".repeat(400) })
        )
        const failing = Effect.zipRight(users.update(user.id, { fullName: "Newer" }), Effect.fail("no"))
        expect(yield* Effect.flip(audit.with(failing, entry))).toBe("no")
        const target = { type: "user", id: String(user.id) } as const
        const found = yield* audit.list({ target, limit: 10 })
        expect(found).toMatchObject([{ address: "10.0.0.1", userAgent: "x".repeat(255), details: { fields: ["role"] }, result: "success" }])
        expect((yield* users.get(user.id)).fullName).toBe("New")
        const sql = yield* SqlClient.SqlClient
        yield* sql`UPDATE audit_log SET at = ${-9 * day}`
        yield* audit.prune(10)
        expect(yield* audit.list({ target, limit: 10 })).toHaveLength(1)
        yield* sql`UPDATE audit_log SET at = ${-11 * day}`
        yield* audit.prune(10)
        expect(yield* audit.list({ target, limit: 10 })).toEqual([])
      }))

    it.effect("of two administrators who take each other's rights at once one keeps them", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const [users, directory, audit] = [yield* Users, yield* UserDirectory, yield* AuditLog]
        yield* sql`DELETE FROM users`
        const [one, two] = [yield* makeUser("admin"), yield* makeUser("admin")]
        const demote = (id: UserId) =>
          audit.with(
            Effect.zipRight(directory.canSpare(id), users.update(id, { role: "user" })),
            () => ({ actor: null, action: "user.update" })
          )
        const race = yield* Effect.all([Effect.either(demote(one.id)), Effect.either(demote(two.id))], { concurrency: 2 })
        expect(race.map(({ _tag }) => _tag).toSorted()).toEqual(["Left", "Right"])
        expect(Option.isSome(yield* directory.firstAdmin)).toBe(true)
      }))

    it.effect("whoever goes takes logins and keys along; devices and contacts change hands", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const [directory, keys, users] = [yield* UserDirectory, yield* ApiKeys, yield* Users]
        const [leaving, heir] = [yield* makeUser(), yield* makeUser()]
        yield* keys.create(newKey(leaving.id, "leaving"))
        yield* makeSession("device-a", leaving.id)
        yield* makeSession("device-b", leaving.id)
        yield* sql`INSERT INTO contacts ${sql.insert({ userId: leaving.id, deviceId: "device-a", jid: "6281@s.whatsapp.net", createdAt: 0, updatedAt: 0 })}`
        expect(yield* directory.devicesOf(leaving.id, 1)).toEqual({ deviceIds: ["device-a"], count: 2 })
        expect((yield* Effect.flip(directory.handOver(leaving.id, 9999 as UserId)))._tag).toBe("UserNotFound")
        yield* directory.handOver(leaving.id, heir.id)
        expect((yield* directory.devicesOf(heir.id, 10)).count).toBe(2)
        expect(yield* sql`SELECT user_id FROM contacts WHERE device_id = 'device-a'`).toEqual([{ userId: heir.id }])
        yield* directory.remove(leaving.id)
        expect((yield* Effect.flip(users.get(leaving.id)))._tag).toBe("UserNotFound")
        expect(Option.isNone(yield* keys.byPrefix("leaving"))).toBe(true)
        yield* directory.dropDevices(heir.id)
        expect((yield* directory.devicesOf(heir.id, 10)).count).toBe(0)
        expect(yield* sql`SELECT wanted FROM whatsapp_sessions WHERE user_id = ${heir.id}`).toEqual([{ wanted: "deleted" }, { wanted: "deleted" }])
      }))
  })
})
