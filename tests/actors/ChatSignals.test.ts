import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { actorsLayer, makeDevice, phone } from "../support/actors.ts"
import { FakeWhatsApp, lost } from "../support/FakeWhatsApp.ts"

const budi = phone("6281299990001")
const chat = phoneJid(budi)
const text = (id: string, fromMe = false) =>
  Inbound.Message({
    origin: { chat, peer: { phone: budi }, participant: undefined, fromMe },
    messageId: MessageId.make(id),
    messageType: "text",
    content: id,
    metadata: null,
    payload: new Uint8Array(0),
    timestamp: DateTime.unsafeMake(1000),
    offline: false
  })

describe("what a chat is told without a message", () => {
  it.scoped("nothing while there is no connection or no answer, and nothing is read", () =>
    Effect.gen(function*() {
      const { actor, deviceId, online } = yield* makeDevice()
      const { get, record } = yield* Messages
      yield* record(deviceId, [text("A1")])
      const refused = Effect.all([Effect.flip(actor.showState(chat, "composing")), Effect.flip(actor.markRead(chat))])
      expect((yield* refused).map(({ _tag }) => _tag)).toEqual(["DeviceNotConnected", "DeviceNotConnected"])
      yield* online
      const fake = yield* FakeWhatsApp
      fake.alive = false
      expect((yield* refused).map(({ _tag }) => _tag)).toEqual(["WhatsAppUnanswered", "WhatsAppUnanswered"])
      expect((yield* get(deviceId, MessageId.make("A1"))).status).toBe("delivered")
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("what others wrote is read once; our own is not", () =>
    Effect.gen(function*() {
      const { actor, deviceId, online } = yield* makeDevice()
      const { get, record } = yield* Messages
      const socket = yield* online
      yield* record(deviceId, [text("A1"), text("A2"), text("M1", true)])
      expect(yield* actor.markRead(chat)).toBe(2)
      expect(yield* actor.markRead(chat)).toBe(0)
      expect(yield* actor.markRead(phoneJid("6281299990002"))).toBe(0)
      yield* actor.showState(chat, "recording")
      expect(socket.told).toEqual([[chat, ["A2", "A1"]], [chat, "recording"]])
      expect((yield* get(deviceId, MessageId.make("A2"))).status).toBe("read")
      expect((yield* get(deviceId, MessageId.make("M1"))).status).toBe("sent")
      yield* socket.close(lost)
    }).pipe(Effect.provide(actorsLayer)))
})
