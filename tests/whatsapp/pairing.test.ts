import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { WhatsApp } from "../../src/whatsapp/WhatsApp.ts"
import { makeDevice, next, online, openOnline, openOptions, pair, phone, Server, world } from "./support/world.ts"

const stored = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.flatMap(
    sql`SELECT value FROM auth_state WHERE type = 'creds'`,
    Schema.decodeUnknown(Schema.Array(Schema.Struct({ value: Schema.Uint8ArrayFromSelf })))
  ))

/** From now on credentials cannot be written. */
const noCredentials = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.zipRight(
    sql`CREATE TRIGGER refuse_insert BEFORE INSERT ON auth_state WHEN NEW.type = 'creds' BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    sql`CREATE TRIGGER refuse_update BEFORE UPDATE ON auth_state WHEN NEW.type = 'creds' BEGIN SELECT RAISE(ABORT, 'disk full'); END`
  ))

describe("pairing", () => {
  it.scopedLive("by QR code: shown with its end, then paired, then a restart", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      const { expiresAt, qr } = yield* next(connection, "Qr")
      expect(expiresAt.epochMillis - Date.now()).toBeGreaterThan(58_000)
      yield* Effect.promise(() => server.phone(phone, "Siti").scan(qr))
      const paired = yield* next(connection, "Paired")
      expect(paired).toMatchObject({ phone, jid: `${phone}@s.whatsapp.net`, lid: server.phone(phone).lid })
      const { reason } = yield* next(connection, "Closed")
      expect(reason).toMatchObject({ code: 515, action: { _tag: "Restart" } })
      const again = yield* openOnline()
      expect((yield* again.probe)).toBeDefined()
    }).pipe(Effect.provide(world())))

  it.scopedLive("by a code to type", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      server.phone(phone)
      const asked = server.waitFor("pairingCodeRequested")
      const code = yield* connection.requestPairingCode(PhoneNumber.make(phone))
      expect(code).toMatch(/^[1-9A-Z]{8}$/)
      yield* Effect.promise(() => asked)
      yield* Effect.promise(() => server.phone(phone).enterPairingCode(code))
      expect((yield* next(connection, "Paired")).phone).toBe(phone)
      yield* next(connection, "Closed")
      yield* openOnline()
    }).pipe(Effect.provide(world())))

  it.scopedLive("that was begun by code and left is begun anew, and does not count as paired", () =>
    Effect.gen(function*() {
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* whatsApp.open(openOptions({ pairing: true }))
        yield* connection.requestPairingCode(PhoneNumber.make(phone))
      }))
      expect(yield* stored).toHaveLength(1)
      const unpaired = yield* whatsApp.open(openOptions())
      expect((yield* next(unpaired, "Closed")).reason.reason).toBe("not_paired")
      expect((yield* pair()).paired.phone).toBe(phone)
    }).pipe(Effect.provide(world())))

  it.scopedLive("that asks for a passkey says so", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      const { qr } = yield* next(connection, "Qr")
      server.faults.add({ kind: "passkey" })
      yield* Effect.fork(Effect.ignore(Effect.tryPromise(() => server.phone(phone).scan(qr))))
      const { reason } = yield* next(connection, "Closed")
      expect(reason).toMatchObject({ reason: "pairing_refused", action: { _tag: "Stop" } })
    }).pipe(Effect.provide(world())))

  it.scopedLive("nobody scans: the pairing ends, and nothing has been stored", () =>
    Effect.gen(function*() {
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      yield* next(connection, "Qr")
      expect(yield* stored).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("the phone hears of it only when the credentials are stored", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const paired: Array<unknown> = []
      server.on("paired", (event) => paired.push(event))
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      const { qr } = yield* next(connection, "Qr")
      yield* noCredentials
      const scan = yield* Effect.fork(Effect.exit(Effect.tryPromise(() => server.phone(phone).scan(qr))))
      expect((yield* next(connection, "Closed")).reason.reason).toBe("storage_unavailable")
      yield* Fiber.interrupt(scan)
      expect(paired).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("pre-keys are handed out only when their numbers are stored", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      const uploads: Array<unknown> = []
      server.on("preKeys", (event) => uploads.push(event))
      yield* noCredentials
      const connection = yield* whatsApp.open(openOptions())
      expect((yield* next(connection, "Closed")).reason.reason).toBe("storage_unavailable")
      expect(uploads).toEqual([])
    }).pipe(Effect.provide(world())))
})

describe("stored credentials", () => {
  it.scopedLive("that cannot be read are left as they are", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      const [row] = yield* stored
      const damaged = Buffer.from(row!.value)
      damaged[40] = damaged[40]! ^ 1
      yield* sql`UPDATE auth_state SET value = ${damaged} WHERE type = 'creds'`
      const exit = yield* Effect.exit(whatsApp.open(openOptions({ pairing: true })))
      expect(Exit.isFailure(exit) && Cause.failureOption(exit.cause)).toMatchObject({ value: { _tag: "CredentialsUnreadable" } })
      expect(Buffer.from((yield* stored)[0]!.value).equals(damaged)).toBe(true)
    }).pipe(Effect.provide(world())))

  it.scopedLive("that the database does not give are no reason for new ones", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      yield* sql`ALTER TABLE auth_state RENAME TO elsewhere`
      const exit = yield* Effect.exit(whatsApp.open(openOptions({ pairing: true })))
      expect(Exit.isFailure(exit) && Cause.failureOption(exit.cause)).toMatchObject({ value: { _tag: "StorageUnavailable" } })
      yield* sql`ALTER TABLE elsewhere RENAME TO auth_state`
      yield* openOnline()
    }).pipe(Effect.provide(world())))

  it.scopedLive("belong to one owner: an older one can write nothing", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const sql = yield* SqlClient.SqlClient
      const whatsApp = yield* WhatsApp
      const connection = yield* online()
      yield* sql`UPDATE whatsapp_sessions SET owner_epoch = 2`
      const answers: Array<string> = []
      server.on("receipt", ({ ids }) => answers.push(...ids))
      const id = yield* Effect.promise(() => server.phone("6281200000009").send(phone, "whose?"))
      expect((yield* next(connection, "Closed")).reason).toMatchObject({ reason: "owner_changed", action: { _tag: "Stop" } })
      expect(answers).not.toContain(id)
      const stale = yield* whatsApp.open(openOptions())
      expect((yield* next(stale, "Closed")).reason.reason).toBe("owner_changed")
      yield* openOnline({ epoch: 2 })
    }).pipe(Effect.provide(world())))
})
