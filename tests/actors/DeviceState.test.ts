import { describe, expect, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Cause, DateTime, Effect, Exit, Fiber, TestClock } from "effect"
import { Inbound } from "../../src/domain/Inbound.ts"
import { StorageUnavailable } from "../../src/domain/Storage.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { CloseAction, notPaired } from "../../src/whatsapp/socket/CloseReason.ts"
import { CredentialsUnreadable, SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, inMinutes, makeDevice, outage, phone, stateOf } from "../support/actors.ts"
import { FakeWhatsApp, lost, paired } from "../support/FakeWhatsApp.ts"

const states = Effect.flatMap(EventLog, (log) => log.after({ after: 0, limit: 1000, types: ["device-status"] })).pipe(
  Effect.map((events) => events.map(({ data }) => [data["status"], data["reason"]]))
)
const login = SocketEvent.Open(paired("6281200000001"))

describe("a device's state", () => {
  it.scoped("changes once when the pairing is over", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const socket = yield* online
      const before = (yield* states).length
      yield* socket.close({ reason: "logged_out", text: "unlinked", action: CloseAction.PairAgain() })
      yield* settle
      expect((yield* states).slice(before)).toEqual([["disconnected", "logged_out"]])
      expect(yield* device).toMatchObject({ jid: null, phoneNumber: null, reasonText: "unlinked" })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("says that credentials cannot be read, and tries them again only after a restart", () =>
    Effect.gen(function*() {
      const { actor, device, online, restart, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      let tries = 0
      fake.opening = ({ deviceId }) =>
        Effect.suspend(() => {
          tries++
          return new CredentialsUnreadable({ deviceId, cause: new Error("wrong key") })
        })
      yield* socket.close(lost)
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "credentials_unreadable" })
      expect(tries).toBe(1)
      for (let minute = 0; minute < 3; minute++) yield* Effect.zipRight(TestClock.adjust("1 minute"), actor.reconcile)
      expect(tries).toBe(1)
      fake.opening = () => Effect.void
      yield* (yield* restart).reconcile
      yield* (yield* fake.next).emit(login)
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "connected", reason: null })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("is credentials_unreadable too when the proxy's address cannot be read", () =>
    Effect.gen(function*() {
      const { connect, device, deviceId, settle } = yield* makeDevice()
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE whatsapp_sessions SET proxy_url = ${Buffer.from("under another key")} WHERE device_id = ${deviceId}`
      const connecting = yield* Effect.fork(connect)
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "credentials_unreadable" })
      yield* Fiber.interrupt(connecting)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a person's connect cuts the wait for the end of a ban short", () =>
    Effect.gen(function*() {
      const { connect, device, online, settle } = yield* makeDevice()
      const until = yield* inMinutes(60)
      const restriction = { kind: "temporary_ban", code: 101, until } as const
      yield* (yield* online).close({ reason: "banned", action: CloseAction.WaitUntil({ until }), restriction })
      yield* settle
      const socket = yield* connect
      expect((yield* device).restriction).toEqual(restriction)
      yield* socket.emit(login)
      yield* settle
      // whoever is let in is not banned
      expect(yield* device).toMatchObject({ status: "connected", retryAt: null, restriction: null })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a ban outlasts a restart", () =>
    Effect.gen(function*() {
      const { device, online, restart, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const until = yield* inMinutes(60)
      yield* (yield* online).close({
        reason: "banned",
        action: CloseAction.WaitUntil({ until }),
        restriction: { kind: "temporary_ban", code: 101, until }
      })
      yield* settle
      const actor = yield* restart
      for (let minute = 0; minute < 59; minute++) yield* Effect.zipRight(actor.reconcile, TestClock.adjust("1 minute"))
      expect(fake.sockets.length).toBe(2)
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "banned" })
      yield* TestClock.adjust("1 minute")
      yield* actor.reconcile
      expect(fake.sockets.length).toBe(3)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a pairing that a restart interrupted does not go on by itself, and says so", () =>
    Effect.gen(function*() {
      const { connect, device, eventually, restart, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      yield* (yield* connect).emit(SocketEvent.Qr({ qr: "2@abc", expiresAt: yield* inMinutes(1) }))
      yield* eventually((current) => current.qr !== null)
      const actor = yield* restart
      yield* actor.reconcile
      const socket = yield* fake.next
      expect(socket.options.pairing).toBe(false)
      yield* socket.close(notPaired)
      yield* settle
      expect(yield* device).toMatchObject({ status: "disconnected", reason: "not_paired", qr: null })
      yield* TestClock.adjust("10 minutes")
      yield* actor.reconcile
      expect(fake.sockets.length).toBe(2)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a pairing that the phone had confirmed when the process died is there after the restart", () =>
    Effect.gen(function*() {
      const { connect, device, eventually, restart, settle } = yield* makeDevice()
      yield* (yield* connect).emit(SocketEvent.Qr({ qr: "2@abc", expiresAt: yield* inMinutes(1) }))
      yield* eventually((current) => current.qr !== null)
      yield* (yield* restart).reconcile
      yield* (yield* (yield* FakeWhatsApp).next).emit(login)
      yield* settle
      expect(yield* device).toMatchObject({ status: "connected", phoneNumber: "6281200000001" })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a device whose credentials are gone can be paired anew", () =>
    Effect.gen(function*() {
      const { connect, device, online, settle } = yield* makeDevice()
      yield* (yield* online).close(notPaired)
      yield* settle
      expect(yield* device).toMatchObject({ status: "disconnected", reason: "not_paired", jid: null })
      expect((yield* connect).options.pairing).toBe(true)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a second connect changes nothing, before the code is shown and after it has expired", () =>
    Effect.gen(function*() {
      const { actor, connect, device, eventually } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* connect
      yield* Effect.all([actor.connect, actor.connect], { concurrency: 2 })
      yield* socket.emit(SocketEvent.Qr({ qr: "2@abc", expiresAt: yield* inMinutes(1) }))
      yield* eventually((current) => current.qr !== null)
      yield* TestClock.adjust("70 seconds")
      yield* actor.connect
      expect(fake.sockets.length).toBe(1)
      yield* socket.emit(SocketEvent.Qr({ qr: "2@def", expiresAt: yield* inMinutes(1) }))
      expect((yield* eventually((current) => current.qr === "2@def")).status).toBe("qr_required")
      yield* socket.close({ reason: "pairing_timeout", action: CloseAction.Stop() })
      const over = yield* eventually((current) => current.status === "disconnected")
      expect(over).toMatchObject({ reason: "pairing_timeout", qr: null })
      expect((yield* connect).options.pairing).toBe(true)
      expect(stateOf(yield* device)).toEqual({ status: "connecting", reason: "pairing" })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a connect that comes after a disconnect was asked for does nothing", () =>
    Effect.gen(function*() {
      const { actor, device, deviceId, online } = yield* makeDevice()
      const devices = yield* Devices
      yield* online
      yield* devices.setWanted(deviceId, "offline")
      yield* actor.disconnect
      yield* actor.connect
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "stopped" })
      expect((yield* FakeWhatsApp).sockets.length).toBe(2)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a disconnect that was cut short is finished by the next round", () =>
    Effect.gen(function*() {
      const { device, deviceId, online, restart } = yield* makeDevice()
      const devices = yield* Devices
      yield* online
      yield* devices.setWanted(deviceId, "offline")
      const actor = yield* restart
      expect((yield* device).status).toBe("connected")
      expect((yield* devices.wanted).map((row) => row.deviceId)).toEqual([deviceId])
      yield* actor.reconcile
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "stopped" })
      expect(yield* devices.wanted).toEqual([])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a restriction that WhatsApp tells before the login makes nobody connected, and stays after it", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      yield* (yield* online).close({ action: CloseAction.Restart() })
      const socket = yield* fake.next
      const restriction = { kind: "reachout_timelock", code: 463, until: yield* inMinutes(60) } as const
      yield* socket.emit(SocketEvent.Restricted({ restriction }))
      yield* settle
      expect((yield* device).status).toBe("connecting")
      yield* socket.emit(login)
      yield* settle
      expect(yield* device).toMatchObject({ status: "connected", restriction })
      yield* socket.emit(SocketEvent.Restricted({ restriction: null }))
      yield* settle
      expect(yield* device).toMatchObject({ status: "connected", restriction: null })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("unlinks nothing and waits for nobody when a pairing is wiped", () =>
    Effect.gen(function*() {
      const { actor, connect, device, eventually } = yield* makeDevice()
      const socket = yield* connect
      yield* socket.emit(SocketEvent.Qr({ qr: "2@abc", expiresAt: yield* inMinutes(1) }))
      yield* eventually((current) => current.qr !== null)
      yield* actor.wipe
      expect(socket.loggedOut).toBe(false)
      expect(socket.isOpen()).toBe(false)
      expect(yield* device).toMatchObject({ status: "disconnected", reason: "not_paired", qr: null })
    }).pipe(Effect.provide(actorsLayer)))
})

describe("a device without its database", () => {
  it.scoped("keeps the socket through a hiccup, and is connected once it is over", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      yield* (yield* online).close({ action: CloseAction.Restart() })
      const socket = yield* fake.next
      yield* outage(Effect.gen(function*() {
        yield* socket.emit(login)
        yield* settle
        yield* socket.emit(SocketEvent.Contacts({ contacts: [{ phone: phone("6281299990001"), pushName: "Budi" }] }))
        yield* TestClock.adjust("20 seconds")
        yield* settle
        expect(socket.isOpen()).toBe(true)
      }))
      for (let step = 0; step < 8; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect((yield* device).status).toBe("connected")
      const sql = yield* SqlClient.SqlClient
      expect((yield* sql`SELECT * FROM contacts`).length).toBe(1)
      expect(fake.sockets.length).toBe(3)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped.each([
    ["replaced", CloseAction.Yield()],
    ["client_refused", CloseAction.Stop()]
  ] as const)("does not come back after %s because that could not be written down", ([reason, action]) =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      yield* outage(Effect.gen(function*() {
        yield* socket.close({ reason, action })
        yield* settle
        yield* TestClock.adjust("20 seconds")
        yield* settle
      }))
      for (let step = 0; step < 30; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason })
      expect(fake.sockets.length).toBe(2)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("comes back by itself when the outage meets it between two sockets", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      yield* socket.close(lost)
      yield* settle
      yield* outage(Effect.gen(function*() {
        for (let step = 0; step < 20; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      }))
      for (let step = 0; step < 40; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      yield* (yield* fake.next).emit(login)
      yield* settle
      expect((yield* device).status).toBe("connected")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("recovers quickly from a failure long after an earlier one", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      const seconds = (count: number) =>
        Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), settle), count - 1)
      yield* socket.close(lost)
      yield* settle
      yield* outage(seconds(200))
      while (fake.sockets.length === 2) yield* seconds(1)
      const next = yield* fake.next
      yield* next.emit(login)
      yield* next.emit(SocketEvent.Drained())
      yield* Effect.repeatN(settle, 10)
      yield* seconds(5)
      yield* TestClock.adjust("15 minutes")
      yield* next.close(lost)
      yield* settle
      yield* outage(seconds(2))
      yield* seconds(5)
      expect(fake.sockets.length).toBe(4)
      expect((yield* device).status).toBe("connecting")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("forgets no journal that has not become rows", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const sql = yield* SqlClient.SqlClient
      const socket = yield* online
      const fact = Inbound.Message({
        origin: { chat: "6281299990001@s.whatsapp.net" as never, peer: { phone: phone("6281299990001") }, participant: undefined, fromMe: false },
        messageId: "3EB0000000000000000001" as never,
        messageType: "text",
        content: "the last word",
        metadata: null,
        payload: new Uint8Array(1),
        timestamp: yield* DateTime.now,
        offline: false
      })
      fake.reading = new StorageUnavailable({})
      fake.journal.push({ id: 1, fact })
      yield* socket.close({ reason: "logged_out", action: CloseAction.PairAgain() })
      yield* settle
      yield* TestClock.adjust("20 seconds")
      yield* settle
      expect((yield* (yield* Devices).get(deviceId)).isPaired).toBe(true)
      fake.reading = Effect.void
      for (let step = 0; step < 10; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect((yield* (yield* Devices).get(deviceId)).reason).toBe("logged_out")
      expect((yield* sql`SELECT content FROM messages`).map((row) => row["content"])).toEqual(["the last word"])
    }).pipe(Effect.provide(actorsLayer)))
})

describe("a device that ends", () => {
  it.scoped("waits for the ack of what is on the wire, then closes the socket, then empties the journal", () =>
    Effect.gen(function*() {
      const { actor, deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      const order: Array<string> = []
      fake.reading = Effect.sync(() => {
        order.push(socket.isOpen() ? "drained while open" : "drained after the close")
      })
      const sql = yield* SqlClient.SqlClient
      fake.answer = () => Effect.delay(Effect.map(DateTime.now, (at) => ({ at })), "3 seconds").pipe(
        Effect.tap(Effect.sync(() => order.push(socket.isOpen() ? "acked while open" : "acked too late")))
      )
      yield* (yield* Outbox).accept({ deviceId, to: phone("6281299990001"), text: "hello" })
      yield* TestClock.adjust("16 seconds")
      yield* settle
      const ending = yield* Effect.fork(actor.disconnect)
      for (let step = 0; step < 4; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(yield* Fiber.join(ending)).toBeUndefined()
      expect(order.slice(-2)).toEqual(["acked while open", "drained after the close"])
      expect((yield* sql`SELECT status FROM messages`).map((row) => row["status"])).toEqual(["sent"])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("is not kept by a database that does not answer", () =>
    Effect.gen(function*() {
      const { actor, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      yield* online
      fake.reading = Effect.never
      const ending = yield* Effect.fork(actor.disconnect)
      yield* settle
      for (let step = 0; step < 6; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      const exit = yield* Fiber.poll(ending)
      expect(exit._tag).toBe("Some")
      expect(exit._tag === "Some" && Exit.isFailure(exit.value) ? Cause.pretty(exit.value.cause) : "").toBe("")
    }).pipe(Effect.provide(actorsLayer)))
})
