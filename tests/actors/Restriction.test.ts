import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import { makeRestrictions } from "../../src/actors/DeviceRestriction.ts"
import { Signals } from "../../src/actors/Signals.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import type { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { SendRefused, SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, inMinutes, makeDevice, phone } from "../support/actors.ts"
import { FakeWhatsApp, paired } from "../support/FakeWhatsApp.ts"

const [budi, ani, joko] = [phone("6281299990001"), phone("6281299990002"), phone("6281299990003")]
const acked = Effect.map(DateTime.now, (at) => ({ at }))
const accept = (deviceId: DeviceId, to: PhoneNumber, text = "halo") =>
  Effect.gen(function*() {
    const { message } = yield* (yield* Outbox).accept({ deviceId, to, text })
    yield* (yield* Signals).outboxChanged(deviceId)
    return message.messageId
  })
const writes = (deviceId: DeviceId, from: PhoneNumber) =>
  Effect.gen(function*() {
    const origin = { chat: phoneJid(from), peer: { phone: from }, participant: undefined, fromMe: false }
    yield* (yield* Messages).record(deviceId, [Inbound.Message({
      origin, messageId: `in-${from}` as MessageId, messageType: "text", content: "?", metadata: null, payload: new Uint8Array(),
      timestamp: yield* DateTime.now, offline: false
    })])
  })
const statusOf = (deviceId: DeviceId, id: MessageId) => Effect.flatMap(Messages, (messages) => Effect.map(messages.get(deviceId, id), ({ status }) => status))
const told = (deviceId: DeviceId) =>
  Effect.flatMap(EventLog, (log) =>
    Effect.map(log.after({ after: 0, deviceId, types: ["device-status"], limit: 100 }), (events) => events.map(({ data }) => data["restriction"])))

describe("an account that may not write to strangers", () => {
  it.scoped("holds what was refused and what would be, lets replies pass, and sends the rest by itself when it is over", () =>
    Effect.gen(function*() {
      const { device, deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      const until = yield* inMinutes(60)
      const restriction = { kind: "reachout_timelock", code: 463, until } as const
      fake.restriction = () => Effect.succeed(restriction)
      fake.answer = () => new SendRefused({ code: 463 })
      yield* writes(deviceId, ani)
      const refused = yield* accept(deviceId, budi)
      yield* Effect.repeatN(settle, 3)
      expect(yield* device).toMatchObject({ status: "connected", restriction })
      expect(yield* statusOf(deviceId, refused)).toBe("pending")
      fake.answer = () => acked
      const cold = yield* accept(deviceId, joko)
      const reply = yield* accept(deviceId, ani)
      yield* Effect.repeatN(settle, 3)
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([refused, reply])
      yield* TestClock.adjust("59 minutes")
      yield* settle
      expect(socket.sent.length).toBe(2)
      yield* TestClock.adjust("2 minutes")
      yield* Effect.repeatN(settle, 3)
      expect(socket.sent.map(({ messageId }) => messageId).slice(2).toSorted()).toEqual([refused, cold].toSorted())
      expect(yield* statusOf(deviceId, refused)).toBe("sent")
      expect((yield* device).restriction).toBeNull()
      expect((yield* told(deviceId)).slice(-2)).toMatchObject([{ kind: "reachout_timelock" }, null])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("whoever writes gets what was held back from him, and an earlier end frees all", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const socket = yield* online
      yield* socket.emit(SocketEvent.Restricted({ restriction: { kind: "reachout_timelock", code: 463, until: yield* inMinutes(600) } }))
      yield* settle
      const ids = [yield* accept(deviceId, budi), yield* accept(deviceId, joko)]
      yield* Effect.repeatN(settle, 3)
      expect(socket.sent).toEqual([])
      yield* writes(deviceId, joko)
      yield* TestClock.adjust("16 seconds")
      yield* settle
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([ids[1]])
      yield* socket.emit(SocketEvent.Restricted({ restriction: null }))
      yield* Effect.repeatN(settle, 3)
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([ids[1], ids[0]])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a limit that was lifted while messages were put aside for it holds none of them", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* makeDevice()
      const outbox = yield* Outbox
      const due = outbox.due(deviceId, 10, { urgentOnly: false, restingChats: [] })
      yield* accept(deviceId, budi)
      const until = yield* inMinutes(60)
      const restriction = yield* (yield* makeRestrictions)({ deviceId, before: null, tell: () => Effect.void })
      yield* restriction.set({ kind: "reachout_timelock", code: 463, until })
      const rows = yield* due
      yield* restriction.hold(rows, until)
      expect(yield* due).toEqual([])
      yield* restriction.set(null)
      expect((yield* due).length).toBe(1)
      yield* restriction.hold(rows, until)
      expect((yield* due).length).toBe(1)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("supposes an end where WhatsApp names none, and gives a message up that is refused each time", () =>
    Effect.gen(function*() {
      const { actor, device, deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => new SendRefused({ code: 475 })
      const id = yield* accept(deviceId, budi)
      yield* Effect.repeatN(settle, 3)
      const now = yield* DateTime.now
      expect((yield* device).restriction).toEqual({ kind: "new_chat_cap", code: 475, until: DateTime.add(now, { hours: 6 }) })
      const sockets = [socket]
      for (let time = 0; time < 3; time++) {
        expect(yield* statusOf(deviceId, id)).toBe("pending")
        // it need not be connected when it ends
        yield* actor.disconnect
        yield* TestClock.adjust("7 hours")
        yield* actor.connect
        const next = yield* fake.next
        yield* next.emit(SocketEvent.Open(paired("6281200000001")))
        yield* Effect.repeatN(settle, 3)
        sockets.push(next)
      }
      expect(sockets.flatMap(({ sent }) => sent).length).toBe(4)
      expect(yield* statusOf(deviceId, id)).toBe("failed")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("asks once for all that are refused at the same time, and writes to nobody else meanwhile", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      let asked = 0
      const until = yield* inMinutes(60)
      fake.restriction = () => Effect.delay(Effect.sync(() => ({ kind: "reachout_timelock", code: 463, until, asked: ++asked } as const)), "2 seconds")
      fake.answer = () => new SendRefused({ code: 463 })
      yield* accept(deviceId, budi)
      yield* accept(deviceId, ani)
      yield* settle
      yield* accept(deviceId, joko)
      yield* settle
      expect(socket.sent.length).toBe(2)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.repeatN(settle, 3)
      expect([asked, socket.sent.length]).toEqual([1, 2])
    }).pipe(Effect.provide(actorsLayer)))
})
