import { describe, expect, it } from "@effect/vitest"
import { Clock, DateTime, Effect, TestClock } from "effect"
import { Signals } from "../../src/actors/Signals.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import type { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Priority } from "../../src/sql/outbox/Priority.ts"
import { actorsWith, makeDevice, phone } from "../support/actors.ts"
import { SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { type FakeSocket, FakeWhatsApp, paired } from "../support/FakeWhatsApp.ts"

const paced = (settings: Readonly<Record<string, string>> = {}) => actorsWith(Outbox.layer, settings)
const number = (index: number) => phone(`62812999${String(index).padStart(5, "0")}`)
const accept = (deviceId: DeviceId, to: PhoneNumber, priority: number = Priority.interactive, text = "halo") =>
  Effect.gen(function*() {
    const { message } = yield* (yield* Outbox).accept({ deviceId, to, text, priority })
    yield* (yield* Signals).outboxChanged(deviceId)
    return message.messageId
  })
const writes = (deviceId: DeviceId, from: PhoneNumber, id = `in-${from}`) =>
  Effect.gen(function*() {
    const origin = { chat: phoneJid(from), peer: { phone: from }, participant: undefined, fromMe: false }
    yield* (yield* Messages).record(deviceId, [Inbound.Message({
      origin, messageId: id as MessageId, messageType: "text", content: "?", metadata: null, payload: new Uint8Array(),
      timestamp: yield* DateTime.now,
      offline: false
    })])
  })

const nextSocket = Effect.gen(function*() {
  const socket = yield* (yield* FakeWhatsApp).next
  yield* socket.emit(SocketEvent.Open(paired("6281200000001")))
  yield* socket.emit(SocketEvent.Drained())
  return socket
})

/** When each message went out, in milliseconds, looked at every `step`. */
const watched = Effect.fnUntraced(function*(socket: FakeSocket, settle: Effect.Effect<void>, seconds: number, stepMillis = 500) {
  const times: Array<number> = []
  for (let passed = 0; passed < seconds * 1000; passed += stepMillis) {
    yield* Effect.zipRight(TestClock.adjust(stepMillis), settle)
    while (times.length < socket.sent.length) times.push(yield* Clock.currentTimeMillis)
  }
  return times
})

describe("pacing", () => {
  it.scoped("leaves a gap between messages that nobody waits for, and none before those that somebody waits for", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      for (let index = 0; index < 5; index++) yield* accept(deviceId, number(index), Priority.bulk)
      const socket = yield* online
      const urgent = yield* Effect.forEach([10, 11, 12], (index) => accept(deviceId, number(index)))
      yield* settle
      // one of the job, and all three at once
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual(expect.arrayContaining(urgent))
      expect(socket.sent.length).toBe(4)
      const times = yield* watched(socket, settle, 40)
      expect(socket.sent.length).toBe(8)
      const bulk = times.slice(4)
      for (const [index, at] of bulk.entries()) {
        if (index === 0) continue
        expect(at - bulk[index - 1]!).toBeGreaterThanOrEqual(2000)
        expect(at - bulk[index - 1]!).toBeLessThanOrEqual(7000)
      }
    }).pipe(Effect.provide(paced())))

  it.scoped("writes to so many strangers a day, lets replies pass, and whoever answers is none", () =>
    Effect.gen(function*() {
      const { actor, deviceId, online, settle } = yield* makeDevice()
      const socket = yield* online
      const ids = yield* Effect.forEach([1, 2, 3, 4], (index) => accept(deviceId, number(index)))
      yield* Effect.repeatN(settle, 3)
      expect(socket.sent.length).toBe(2)
      // he has written: no stranger
      yield* writes(deviceId, number(9))
      const reply = yield* accept(deviceId, number(9))
      yield* settle
      expect(socket.sent.at(-1)?.messageId).toBe(reply)
      // and what waited for him goes at once
      yield* writes(deviceId, number(4))
      yield* TestClock.adjust("16 seconds")
      yield* settle
      expect(socket.sent.at(-1)?.messageId).toBe(ids[3])
      expect(socket.sent.length).toBe(4)
      // a second one to the same person begins no chat
      const again = yield* accept(deviceId, number(1), Priority.interactive, "again")
      yield* settle
      expect(socket.sent.at(-1)?.messageId).toBe(again)
      yield* actor.disconnect
      yield* TestClock.adjust("25 hours")
      yield* actor.connect
      const next = yield* nextSocket
      yield* settle
      expect(next.sent.map(({ messageId }) => messageId)).toEqual([ids[2]])
    }).pipe(Effect.provide(paced({ PACING_NEW_CHATS_PER_DAY: "2" }))))

  it.scoped("a restart refills nothing", () =>
    Effect.gen(function*() {
      const { deviceId, online, restart, settle } = yield* makeDevice()
      const socket = yield* online
      for (let index = 0; index < 5; index++) yield* accept(deviceId, number(index))
      yield* settle
      expect(socket.sent.length).toBe(3)
      const actor = yield* restart
      yield* actor.connect
      const again = yield* nextSocket
      yield* Effect.zipRight(TestClock.adjust("30 seconds"), settle)
      expect(again.sent.length).toBe(0)
      const times = yield* watched(again, settle, 40)
      expect(times.length).toBe(2)
    }).pipe(Effect.provide(paced({ PACING_PER_MINUTE: "3" }))))

  it.scoped("many that are held hide none that may go", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const socket = yield* online
      yield* writes(deviceId, number(500))
      yield* writes(deviceId, number(501))
      for (let index = 0; index < 80; index++) yield* accept(deviceId, number(index))
      const job = yield* accept(deviceId, number(501), Priority.bulk)
      const reply = yield* accept(deviceId, number(500))
      yield* Effect.repeatN(settle, 10)
      expect(socket.sent.map(({ messageId }) => messageId).toSorted()).toEqual([job, reply].toSorted())
    }).pipe(Effect.provide(paced({ PACING_NEW_CHATS_PER_DAY: "0" }))))

  it.scoped("shows that somebody writes, where that is wished, and follows a change of its settings", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const socket = yield* online
      yield* (yield* DevicePacing).set(deviceId, { typing: true })
      yield* TestClock.adjust("16 seconds")
      yield* accept(deviceId, number(1), Priority.interactive, "x".repeat(40))
      yield* settle
      expect(socket.told).toEqual([[phoneJid(number(1)), "composing"]])
      expect(socket.sent.length).toBe(0)
      yield* TestClock.adjust("2 seconds")
      yield* settle
      expect(socket.sent.length).toBe(1)
    }).pipe(Effect.provide(paced())))
})
