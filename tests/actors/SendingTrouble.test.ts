import { describe, expect, it } from "@effect/vitest"
import { DateTime, Deferred, Effect, Layer, TestClock } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Signals } from "../../src/actors/Signals.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { CloseAction, ClosedBecause, connectionLost } from "../../src/whatsapp/socket/CloseReason.ts"
import { SendNotAttempted, SendUnacknowledged, SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, actorsWith, makeDevice, phone, stateOf } from "../support/actors.ts"
import { FakeWhatsApp, paired } from "../support/FakeWhatsApp.ts"

const budi = phone("6281299990001")
const accept = (deviceId: DeviceId, text: string, to = budi) =>
  Effect.gen(function*() {
    const { message } = yield* (yield* Outbox).accept({ deviceId, to, text })
    yield* (yield* Signals).outboxChanged(deviceId)
    return message.messageId
  })
const acked = Effect.map(DateTime.now, (at) => ({ at }))
const login = SocketEvent.Open(paired("6281200000001"))

describe("OutboxPump in trouble", () => {
  it.scoped("sends once more, under the same id, what went unacknowledged on the socket before", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => Effect.delay(new SendUnacknowledged({ cause: new Error("no ack") }), "30 seconds")
      const id = yield* accept(deviceId, "hello")
      for (let step = 0; step < 63; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(socket.isOpen()).toBe(false)
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([id, id])
      fake.answer = () => acked
      const next = yield* fake.next
      yield* next.emit(login)
      for (let step = 0; step < 3; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(next.sent.map(({ messageId }) => messageId)).toEqual([id])
      expect((yield* (yield* Messages).get(deviceId, id)).status).toBe("sent")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("does not take a socket that was closed for one that is stuck", () =>
    Effect.gen(function*() {
      const { device, deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      const cut = yield* Deferred.make<never, SendUnacknowledged>()
      fake.answer = () => Deferred.await(cut)
      yield* accept(deviceId, "one")
      yield* accept(deviceId, "two", phone("6281299990002"))
      yield* accept(deviceId, "three", phone("6281299990003"))
      yield* settle
      expect(socket.sent.length).toBe(3)
      // senders learn of it first: the event waits for what is still to be stored
      yield* Deferred.fail(cut, new SendUnacknowledged({ cause: new ClosedBecause({ ...connectionLost, code: 440 }) }))
      yield* settle
      yield* socket.close({ reason: "replaced", action: CloseAction.Yield() })
      yield* TestClock.adjust("1 minute")
      yield* settle
      expect(stateOf(yield* device)).toEqual({ status: "disconnected", reason: "replaced" })
      expect(fake.sockets.length).toBe(2)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("replaces a link on which questions go unanswered", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => new SendNotAttempted({ reason: "lookup_failed", cause: new Error("no answer") })
      yield* accept(deviceId, "hello")
      for (let step = 0; step < 8; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(socket.sent.length).toBe(3)
      expect(socket.isOpen()).toBe(false)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("gives the socket up when another process owns the device", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const socket = yield* online
      yield* (yield* Devices).claim(deviceId)
      yield* accept(deviceId, "hello")
      yield* settle
      expect(socket.isOpen()).toBe(false)
      expect(socket.sent).toEqual([])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("does not repeat at once what fails for an unknown reason, and goes on with others", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      const bad = yield* accept(deviceId, "bad")
      fake.answer = (id) => id === bad ? Effect.die(new Error("no protobuf")) : acked
      yield* settle
      const good = yield* accept(deviceId, "good", phone("6281299990002"))
      for (let step = 0; step < 30; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      expect(socket.sent.filter(({ messageId }) => messageId === bad).length).toBe(1)
      expect((yield* (yield* Messages).get(deviceId, good)).status).toBe("sent")
      for (let step = 0; step < 12 * 60; step++) yield* TestClock.adjust("1 second")
      yield* settle
      expect((yield* (yield* Messages).get(deviceId, bad)).failure).toMatchObject({ code: "UNACKNOWLEDGED" })
      expect(socket.sent.filter(({ messageId }) => messageId === bad).length).toBe(8)
    }).pipe(Effect.provide(actorsLayer)), 60_000)

  it.scoped("goes on with a message that was on its way each time the connection broke, for longer than with one nobody acknowledges", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const broken = new SendUnacknowledged({ cause: new ClosedBecause({ ...connectionLost, code: 428 }) })
      const unlucky = yield* accept(deviceId, "unlucky")
      const fatal = yield* accept(deviceId, "fatal", phone("6281299990002"))
      fake.answer = (id, attempt) => id === fatal || attempt <= 12 ? broken : acked
      const socket = yield* online
      for (let step = 0; step < 40; step++) yield* Effect.zipRight(TestClock.adjust("1 second"), settle)
      const messages = yield* Messages
      expect((yield* messages.get(deviceId, unlucky)).status).toBe("sent")
      expect((yield* messages.get(deviceId, fatal)).failure).toMatchObject({ code: "UNACKNOWLEDGED" })
      expect(socket.sent.filter(({ messageId }) => messageId === fatal).length).toBe(24)
    }).pipe(Effect.provide(actorsLayer)), 60_000)

  /** Answers as the queue stood a moment ago, as a database behind a network does. */
  const slowToAnswer = Layer.effect(
    Outbox,
    Effect.map(Outbox, (outbox) => ({
      ...outbox,
      due: (deviceId: DeviceId, limit: number) => Effect.tap(outbox.due(deviceId, limit), () => Effect.sleep("500 millis"))
    }))
  ).pipe(Layer.provide(Outbox.layer))

  it.scoped("sends nothing twice because the queue's answer was out of date", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => Effect.delay(acked, "1200 millis")
      const first = yield* accept(deviceId, "one")
      const second = yield* accept(deviceId, "two", phone("6281299990002"))
      for (let step = 0; step < 60; step++) yield* Effect.zipRight(TestClock.adjust("100 millis"), settle)
      expect(socket.sent.map(({ messageId }) => messageId).toSorted()).toEqual([first, second].toSorted())
    }).pipe(Effect.provide(actorsWith(slowToAnswer))))
})

describe("LoginGate", () => {
  it.scoped("lets at most ten devices log in at once after a start", () =>
    Effect.gen(function*() {
      const fake = yield* FakeWhatsApp
      const devices = yield* Devices
      const all = yield* Effect.forEach(Array.from({ length: 30 }, (_, index) => `device-${index}`), (name) => makeDevice(name))
      for (const { deviceId } of all) {
        const { epoch } = yield* devices.claim(deviceId)
        yield* devices.setPairing(deviceId, epoch, paired("6281200000001"))
        yield* devices.setWanted(deviceId, "online")
      }
      yield* Effect.forEach(all, ({ actor }) => actor.reconcile, { concurrency: "unbounded" })
      const { settle } = all[0]!
      for (let round = 1; round <= 3; round++) {
        yield* Effect.repeatN(settle, 10)
        expect(fake.sockets.length).toBe(round * 10)
        for (let index = 0; index < 10; index++) yield* (yield* fake.next).emit(login)
      }
      yield* Effect.repeatN(settle, 10)
      expect(yield* devices.countByStatus).toEqual([{ status: "connected", count: 30 }])
    }).pipe(Effect.provide(actorsLayer)))
})
