import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import { Signals } from "../../src/actors/Signals.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { SendNotAttempted, SendRefused, SendUnacknowledged } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, makeDevice, phone } from "../support/actors.ts"
import { FakeWhatsApp, lost } from "../support/FakeWhatsApp.ts"

const budi = phone("6281299990001")
const accept = (deviceId: DeviceId, text: string, to = budi) =>
  Effect.gen(function*() {
    const { message } = yield* (yield* Outbox).accept({ deviceId, to, text })
    yield* (yield* Signals).outboxChanged(deviceId)
    return message.messageId
  })
const statusOf = (deviceId: DeviceId, id: MessageId) => Effect.flatMap(Messages, (messages) => messages.get(deviceId, id))
const acked = Effect.map(DateTime.now, (at) => ({ at }))
const unacknowledged = new SendUnacknowledged({ cause: new Error("no ack") })

describe("OutboxPump", () => {
  it.scoped("sends what waited, keeps the order of a chat, and several chats at once", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const ids = yield* Effect.forEach(["one", "two", "three"], (text) => accept(deviceId, text))
      const other = yield* accept(deviceId, "elsewhere", phone("6281299990002"))
      let inFlight = 0
      let most = 0
      fake.answer = () =>
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, ++inFlight))),
          () => Effect.delay(acked, "100 millis"),
          () => Effect.sync(() => inFlight--)
        )
      const socket = yield* online
      for (let step = 0; step < 20; step++) yield* Effect.zipRight(TestClock.adjust("100 millis"), settle)
      expect(socket.sent.filter(({ messageId }) => messageId !== other).map(({ messageId }) => messageId)).toEqual(ids)
      expect(most).toBe(2)
      expect((yield* statusOf(deviceId, ids[2]!)).status).toBe("sent")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("sends again under the same id what nobody acknowledged", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = (_, attempt) => attempt === 1 ? unacknowledged : acked
      const id = yield* accept(deviceId, "hello")
      yield* settle
      expect((yield* statusOf(deviceId, id)).status).toBe("pending")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([id, id])
      expect((yield* statusOf(deviceId, id)).status).toBe("sent")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("takes a receipt for the ack that was lost, and goes on with the chat", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = (id) => (id === first ? Effect.never : acked)
      const first = yield* accept(deviceId, "its ack is lost")
      const second = yield* accept(deviceId, "waits behind it")
      yield* settle
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([first])
      // a tap that nothing stands behind
      yield* (yield* Signals).messagesChanged([first])
      yield* settle
      expect(socket.sent.length).toBe(1)
      const origin = { chat: phoneJid(budi), peer: { phone: budi }, participant: undefined, fromMe: false }
      yield* (yield* Messages).record(deviceId, [
        Inbound.Receipt({ origin, messageIds: [first], status: "delivered", timestamp: yield* DateTime.now })
      ])
      yield* (yield* Signals).messagesChanged([first])
      yield* settle
      expect(socket.sent.map(({ messageId }) => messageId)).toEqual([first, second])
      expect((yield* statusOf(deviceId, first)).status).toBe("delivered")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("replaces a link on which nothing is acknowledged", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => unacknowledged
      yield* accept(deviceId, "hello")
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      expect(socket.isOpen()).toBe(false)
      yield* TestClock.adjust("3 seconds")
      yield* fake.next
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped.each([
    [463, "REACHOUT_TIMELOCK"],
    [403, "REFUSED_BY_WHATSAPP"]
  ] as const)("fails for good on %i, once", ([code, failure]) =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => new SendRefused({ code })
      const id = yield* accept(deviceId, "hello")
      yield* settle
      yield* TestClock.adjust("1 hour")
      const message = yield* statusOf(deviceId, id)
      expect(message.status).toBe("failed")
      expect(message.failure).toMatchObject({ code: failure, whatsapp: code })
      expect(socket.sent.length).toBe(1)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("tells a number that is not on WhatsApp, without sending", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      fake.registered = () => false
      const socket = yield* online
      const id = yield* accept(deviceId, "hello")
      yield* settle
      expect((yield* statusOf(deviceId, id)).failure).toMatchObject({ code: "NOT_ON_WHATSAPP" })
      expect(socket.sent).toEqual([])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("keeps what could not be sent for the next socket", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const socket = yield* online
      fake.answer = () => new SendNotAttempted({ reason: "offline", cause: new Error("closed") })
      const id = yield* accept(deviceId, "hello")
      yield* settle
      yield* socket.close(lost)
      yield* settle
      fake.answer = () => acked
      yield* TestClock.adjust("10 seconds")
      const next = yield* fake.next
      yield* next.emit({ _tag: "Open", jid: "6281200000001@s.whatsapp.net" as never, lid: null, phone: phone("6281200000001"), pushName: null })
      yield* settle
      expect(next.sent.map(({ messageId }) => messageId)).toEqual([id])
      expect((yield* statusOf(deviceId, id)).status).toBe("sent")
    }).pipe(Effect.provide(actorsLayer)))
})
