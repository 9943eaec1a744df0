import { describe, expect, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { DateTime, Effect, TestClock } from "effect"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { CloseAction } from "../../src/whatsapp/socket/CloseReason.ts"
import { SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, inMinutes, makeDevice, phone, stateOf } from "../support/actors.ts"
import { FakeWhatsApp, lost, paired } from "../support/FakeWhatsApp.ts"

const types = Effect.flatMap(EventLog, (log) => log.after({ after: 0, limit: 1000 })).pipe(
  Effect.map((events) => events.map((event) => event.type))
)

describe("DeviceActor", () => {
  it.scoped("pairs: shows the QR code, reconnects at once when it is scanned, and is connected", () =>
    Effect.gen(function*() {
      const { connect, device, eventually, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const first = yield* connect
      expect(first.options.pairing).toBe(true)
      expect(stateOf(yield* device)).toEqual({ status: "connecting", reason: "pairing" })

      yield* first.emit(SocketEvent.Qr({ qr: "2@abc", expiresAt: yield* inMinutes(1) }))
      const shown = yield* eventually((current) => current.qr !== null)
      expect(stateOf(shown)).toEqual({ status: "qr_required", reason: "pairing" })
      expect(shown.qr).toBe("2@abc")

      yield* first.emit(SocketEvent.Paired({ ...paired("6281200000001"), platform: null }))
      yield* first.close({ action: CloseAction.Restart() })
      const second = yield* fake.next
      expect(second.options.pairing).toBe(false)
      expect(second.options.epoch).toBeGreaterThan(first.options.epoch)
      expect(first.isOpen()).toBe(false)

      yield* second.emit(SocketEvent.Open(paired("6281200000001")))
      yield* settle
      const connected = yield* device
      expect(stateOf(connected)).toEqual({ status: "connected", reason: null })
      expect(connected.phoneNumber).toBe("6281200000001")
      expect(connected.qr).toBeNull()
      expect(yield* types).toContain("qr-code")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("waits and reconnects after a lost connection, and says until when", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      yield* TestClock.adjust("2 minutes")
      yield* socket.close(lost)
      yield* settle
      const waiting = yield* device
      expect(stateOf(waiting)).toEqual({ status: "connecting", reason: "connection_lost" })
      expect(waiting.retryAt!.epochMillis - (yield* DateTime.now).epochMillis).toBeLessThanOrEqual(1000)
      expect(fake.sockets.length).toBe(2)
      yield* TestClock.adjust("1 second")
      const next = yield* fake.next
      expect(next.options.pairing).toBe(false)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("yields when it is replaced, until a person connects it", () =>
    Effect.gen(function*() {
      const { actor, connect, device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      yield* socket.close({ reason: "replaced", action: CloseAction.Yield() })
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "replaced" })
      yield* TestClock.adjust("1 hour")
      yield* actor.reconcile
      yield* settle
      expect(fake.sockets.length).toBe(2)
      expect((yield* connect).options.pairing).toBe(false)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("forgets the credentials of an ended pairing, and pairs anew when asked", () =>
    Effect.gen(function*() {
      const { connect, device, deviceId, online, settle } = yield* makeDevice()
      const sql = yield* SqlClient.SqlClient
      const socket = yield* online
      yield* sql`INSERT INTO auth_state ${sql.insert({ deviceId, type: "creds", id: "", value: Buffer.from("x") })}`
      yield* socket.close({ reason: "logged_out", action: CloseAction.PairAgain() })
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "logged_out" })
      expect((yield* sql`SELECT * FROM auth_state`).length).toBe(0)
      expect((yield* connect).options.pairing).toBe(true)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("waits for the end of a ban, then tries", () =>
    Effect.gen(function*() {
      const { device, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const until = yield* inMinutes(60)
      const restriction = { kind: "temporary_ban", code: 101, until } as const
      yield* (yield* online).close({ reason: "banned", action: CloseAction.WaitUntil({ until }), restriction })
      yield* settle
      const banned = yield* device
      expect(stateOf(banned)).toEqual({ status: "disconnected", reason: "banned" })
      expect(banned.restriction).toEqual(restriction)
      yield* TestClock.adjust("59 minutes")
      expect(fake.sockets.length).toBe(2)
      yield* TestClock.adjust("1 minute")
      yield* fake.next
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("gives up a socket that does not log in, and one whose server no longer answers", () =>
    Effect.gen(function*() {
      const { connect, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const silent = yield* connect
      yield* TestClock.adjust("45 seconds")
      yield* settle
      expect(silent.isOpen()).toBe(false)
      const socket = yield* Effect.zipRight(Effect.fork(TestClock.adjust("2 seconds")), online)
      yield* TestClock.adjust("3 minutes")
      expect(socket.isOpen()).toBe(true)
      fake.alive = false
      yield* TestClock.adjust("61 seconds")
      yield* settle
      expect(socket.isOpen()).toBe(false)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("closes the socket when it is stopped, and stays stopped", () =>
    Effect.gen(function*() {
      const { actor, device, deviceId, online, settle } = yield* makeDevice()
      const devices = yield* Devices
      const socket = yield* online
      yield* devices.setWanted(deviceId, "offline")
      yield* actor.disconnect
      expect(socket.isOpen()).toBe(false)
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "stopped" })
      yield* actor.reconcile
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "stopped" })
      yield* devices.setWanted(deviceId, "online")
      yield* actor.reconcile
      expect((yield* (yield* FakeWhatsApp).next).options.pairing).toBe(false)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("unlinks before it wipes or removes", () =>
    Effect.gen(function*() {
      const { actor, device, online } = yield* makeDevice()
      const socket = yield* online
      yield* actor.wipe
      expect(socket.loggedOut).toBe(true)
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "not_paired" })
      yield* actor.remove
      expect((yield* device.pipe(Effect.flip))._tag).toBe("DeviceNotFound")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("gives a pairing code, shows it, and refuses one to a paired device", () =>
    Effect.gen(function*() {
      const { actor, device, online, settle } = yield* makeDevice()
      const { pairingCode } = yield* actor.pairingCode(phone("6281200000001"))
      expect(pairingCode).toBe("ABCD1234")
      yield* settle
      expect((yield* device).pairingCode).toBe("ABCD1234")
      expect(yield* types).toContain("pairing-code")
      yield* actor.disconnect
      yield* (yield* FakeWhatsApp).next
      yield* online
      expect((yield* actor.pairingCode(phone("6281200000001")).pipe(Effect.flip))._tag).toBe("DeviceAlreadyPaired")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("opens two hundred sockets one after another and leaves none behind", () =>
    Effect.gen(function*() {
      const { online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      let socket = yield* online
      for (let round = 0; round < 200; round++) {
        yield* TestClock.adjust("61 seconds")
        yield* socket.close(lost)
        yield* settle
        yield* TestClock.adjust("1 second")
        socket = yield* fake.next
        yield* socket.emit(SocketEvent.Open(paired("6281200000001")))
        yield* socket.emit(SocketEvent.Drained())
        yield* settle
      }
      expect(fake.sockets.filter((each) => each.isOpen()).length).toBe(1)
    }).pipe(Effect.provide(actorsLayer)), 120_000)
})
