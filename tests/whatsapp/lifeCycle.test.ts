import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, Exit, Fiber, Option, Schedule, Scope, TestClock } from "effect"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import type { DeviceReason } from "../../src/domain/Device.ts"
import type { Fault } from "../../src/emulator/Faults.ts"
import type { Breakage } from "../../src/emulator/server/Breakage.ts"
import { WhatsApp } from "../../src/whatsapp/WhatsApp.ts"
import { makeDevice, next, online, openOnline, openOptions, pair, peer, phone, Server, slowDatabase, world } from "./support/world.ts"

const turn = () => new Promise((resolve) => setImmediate(resolve))
const resources = () =>
  process.getActiveResourcesInfo().filter((kind) => kind === "Timeout" || kind === "TCPSocketWrap")

const closesWith = Effect.fnUntraced(function*(fault: Fault) {
  const server = yield* Server
  const whatsApp = yield* WhatsApp
  yield* makeDevice()
  yield* pair()
  server.faults.add(fault)
  const connection = yield* whatsApp.open(openOptions())
  return (yield* next(connection, "Closed")).reason
})

describe("a login", () => {
  const refusals: ReadonlyArray<readonly [Fault, DeviceReason, string]> = [
    [{ kind: "login-failure", reason: 401 }, "logged_out", "PairAgain"],
    [{ kind: "login-failure", reason: 402, code: 101, expire: 600 }, "banned", "WaitUntil"],
    [{ kind: "login-failure", reason: 403 }, "account_locked", "PairAgain"],
    [{ kind: "login-failure", reason: 405, location: "lla" }, "client_outdated", "Backoff"],
    [{ kind: "login-failure", reason: 409 }, "client_refused", "Stop"],
    [{ kind: "login-failure", reason: 503 }, "server_unavailable", "Backoff"],
    [{ kind: "certificate", chain: "foreign-root" }, "connection_refused", "Backoff"],
    [{ kind: "certificate", chain: "bad-leaf" }, "connection_refused", "Backoff"],
    [{ kind: "certificate", chain: "bad-intermediate" }, "connection_refused", "Backoff"],
    [{ kind: "certificate", chain: "foreign-leaf-key" }, "connection_refused", "Backoff"],
    [{ kind: "handshake-garbage" }, "connection_lost", "Backoff"],
    [{ kind: "upgrade-status", status: 403 }, "connection_refused", "Backoff"],
    [{ kind: "upgrade-status", status: 503, retryAfter: 30 }, "server_unavailable", "WaitUntil"],
    [{ kind: "upgrade-status", status: 429 }, "server_unavailable", "Backoff"]
  ]
  it.scopedLive.each(refusals)("%o", ([fault, reason, action]) =>
    Effect.gen(function*() {
      const closed = yield* closesWith(fault)
      expect([closed.reason, closed.action._tag]).toEqual([reason, action])
    }).pipe(Effect.provide(world())))

  it.scopedLive("survives a frame that comes in the very moment the handshake ends", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      server.faults.add({ kind: "early-frame", times: 1 })
      yield* openOnline()
    }).pipe(Effect.provide(world())))

  it.scoped("that is never answered ends", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      const login = server.waitFor("login")
      server.faults.add({ kind: "login-hang" })
      const connection = yield* whatsApp.open(openOptions())
      const closed = yield* Effect.fork(next(connection, "Closed"))
      void login.catch(() => undefined)
      yield* TestClock.adjust("47 seconds")
      expect((yield* Fiber.join(closed)).reason.reason).toBe("connection_lost")
    }).pipe(Effect.provide(world())))
})

describe("a connection", () => {
  const ends: ReadonlyArray<Breakage> = [
    "garbage-frame", "truncated-node", "bad-node", "empty-frame", "zero-frame", "bad-zlib", "reset", "close", "stream-end"
  ]
  it.scopedLive.each(ends)("that breaks by %s is closed alone", (how) =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      server.connectionOf(phone).break(how)
      expect((yield* next(connection, "Closed")).reason.reason).toBe("connection_lost")
      yield* openOnline()
    }).pipe(Effect.provide(world())))

  it.scoped.each(["endless-frame", "truncated-frame"] as const)("whose server is silent after a %s is noticed within 20 s", (how) =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      server.connectionOf(phone).break(how)
      server.connectionOf(phone).deaf = true
      const closed = yield* Effect.fork(next(connection, "Closed"))
      yield* TestClock.adjust("17 seconds")
      expect(yield* Fiber.poll(closed)).toEqual(Option.none())
      yield* TestClock.adjust("3 seconds")
      expect((yield* Fiber.join(closed)).reason.text).toContain("silent")
    }).pipe(Effect.provide(world())))

  it.scopedLive("yields to another socket with the same credentials", () =>
    Effect.gen(function*() {
      const connection = yield* online()
      yield* openOnline()
      expect((yield* next(connection, "Closed")).reason).toMatchObject({ reason: "replaced", action: { _tag: "Yield" } })
    }).pipe(Effect.provide(world())))

  it.scopedLive("is over when the phone unlinks it", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      server.phone(phone).unlink(server.phone(phone).linked[0]!.number)
      expect((yield* next(connection, "Closed")).reason).toMatchObject({ reason: "logged_out", action: { _tag: "PairAgain" } })
    }).pipe(Effect.provide(world())))

  it.scopedLive("unlinks itself on WhatsApp's side", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      yield* connection.logout
      expect(server.phone(phone).linked).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("tells of people", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      yield* Effect.promise(() => server.phone(peer, "Budi").send(phone, "halo"))
      const { contacts } = yield* next(connection, "Contacts")
      expect(contacts).toContainEqual(expect.objectContaining({ phone: peer, pushName: "Budi" }))
    }).pipe(Effect.provide(world())))

  it.scopedLive("lets go of open questions when it ends, and of their timers", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      yield* Effect.scoped(openOnline())
      const before = resources()
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* openOnline()
        server.faults.add({ kind: "iq-silence", xmlns: "w:p" })
        const question = yield* Effect.fork(Effect.either(connection.probe))
        yield* connection.lookup([PhoneNumber.make(peer)])
        server.connectionOf(phone).break("stream-end")
        expect(Either.getLeft(yield* Fiber.join(question))).toMatchObject(Option.some({ _tag: "QueryFailed", query: "probe" }))
      }))
      // the server's side of the TCP connection may end a moment later; a timer to wait for it would be counted too
      const end = Date.now() + 5000
      yield* Effect.promise(turn).pipe(
        Effect.repeat({ until: () => resources().length <= before.length || Date.now() > end })
      )
      expect(resources().length).toBeLessThanOrEqual(before.length)
    }).pipe(Effect.provide(world())))

  it.scopedLive("that is paired gives no pairing code", () =>
    Effect.gen(function*() {
      const connection = yield* online()
      const result = yield* Effect.either(connection.requestPairingCode(PhoneNumber.make(phone)))
      expect(Either.getLeft(result)).toMatchObject(Option.some({ _tag: "QueryFailed" }))
    }).pipe(Effect.provide(world())))

  it.scopedLive("closes soon although messages come without end", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      const scope = yield* Scope.make()
      const connection = yield* Scope.extend(openOnline(), scope)
      yield* Effect.forkScoped(Effect.repeat(Effect.promise(() => server.phone(peer).send(phone, "halo")), Schedule.spaced("10 millis")))
      yield* next(connection, "Journalled")
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      expect(Duration.toMillis(took)).toBeLessThan(4000)
    }).pipe(Effect.provide(world({}, slowDatabase))))

  it.scopedLive("goes in order: the server sees the end, and nothing is left behind", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      yield* Effect.scoped(openOnline())
      const before = resources()
      for (let i = 0; i < 30; i++) yield* Effect.scoped(openOnline())
      expect(server.connections).toEqual([])
      expect(resources().length).toBeLessThanOrEqual(before.length)
    }).pipe(Effect.provide(world())))
})
