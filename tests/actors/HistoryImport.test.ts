import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import type { HistoryPart, HistoryPiece } from "../../src/domain/History.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { HistoryGone, QueryFailed, SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, makeDevice, phone } from "../support/actors.ts"
import { FakeWhatsApp } from "../support/FakeWhatsApp.ts"

const ani = phone("6281200000009")
const message = (id: string): HistoryPart["messages"][number] => ({
  fact: Inbound.Message({
    origin: { chat: phoneJid(ani), peer: { phone: ani }, participant: undefined, fromMe: false },
    messageId: id as MessageId,
    messageType: "text",
    content: id,
    metadata: null,
    payload: new Uint8Array(),
    timestamp: DateTime.unsafeMake(1000),
    offline: true
  }) as HistoryPart["messages"][number]["fact"],
  status: "read"
})
const piece = (parts: Iterable<HistoryPart>, messages: number): HistoryPiece => ({
  syncType: "RECENT", progress: 100, chats: 1, contacts: 0, messages, parts
})
const part = (...ids: ReadonlyArray<string>): HistoryPart => ({ contacts: [], groups: [], messages: ids.map(message) })
const entry = (id: number) => ({ id, notification: Uint8Array.of(id), since: DateTime.unsafeMake(0) })

/** Other threads are done, fibers have run. */
const until = (done: Effect.Effect<boolean, unknown>) =>
  Effect.zipRight(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), Effect.orDie(done)).pipe(
    Effect.repeat({ until: (is) => is, times: 5000 })
  )

const cutOff = function*() {
  yield part("A", "B")
  throw new Error("the process ends here")
}

layer(actorsLayer)("HistoryImport", (it) => {
  const world = Effect.gen(function*() {
    const fake = yield* FakeWhatsApp
    fake.histories.length = 0
    const device = yield* makeDevice(`history-${++made}`)
    const socket = yield* device.online
    const events = yield* EventLog
    const messages = yield* Messages
    const stored = Effect.map(messages.history(device.deviceId, { chat: phoneJid(ani), limit: 100 }), (rows) => rows.map(({ content }) => content))
    const told = Effect.map(events.after({ after: 0, deviceId: device.deviceId, types: ["history.synced", "message.received"], limit: 100 }), (all) =>
      all.map(({ data, type }) => [type, data["messages"], data["stored"]]))
    return { fake, device, socket, stored, told }
  })
  let made = 0

  it.scoped("stores what the phone hands over, and tells it once a piece", () =>
    Effect.gen(function*() {
      const { fake, socket, stored, told } = yield* world
      fake.history = ([id]) => Effect.succeed(id === 1 ? piece([part("A", "B"), part("C")], 3) : piece([part("C", "D")], 2))
      fake.histories.push(entry(1), entry(2))
      yield* socket.emit(SocketEvent.Journalled())
      yield* until(Effect.sync(() => fake.histories.length === 0))
      expect((yield* stored).toSorted()).toEqual(["A", "B", "C", "D"])
      expect(yield* told).toEqual([["history.synced", 3, 3], ["history.synced", 2, 1]])
    }))

  it.scoped("a piece that is cut off is fetched again from its beginning, on the next socket too", () =>
    Effect.gen(function*() {
      const { device, fake, socket, stored, told } = yield* world
      let fetched = 0
      fake.history = () => Effect.sync(() => ++fetched === 1 ? piece(cutOff(), 3) : piece([part("A", "B"), part("C")], 3))
      fake.histories.push(entry(1))
      yield* socket.emit(SocketEvent.Journalled())
      yield* until(Effect.map(stored, (rows) => rows.length === 2))
      yield* device.settle
      expect([fake.histories.length, yield* told]).toEqual([1, []])
      yield* device.restart.pipe(Effect.flatMap((actor) => actor.connect))
      const next = yield* fake.next
      yield* next.emit(SocketEvent.Open({ jid: phoneJid("6281200000001"), lid: null, phone: phone("6281200000001"), pushName: null }))
      yield* until(Effect.sync(() => fake.histories.length === 0))
      expect((yield* stored).toSorted()).toEqual(["A", "B", "C"])
      expect(yield* told).toEqual([["history.synced", 3, 1]])
    }))

  it.scoped("tries again what cannot be fetched, and gives up what WhatsApp no longer has", () =>
    Effect.gen(function*() {
      const { device, fake, socket, stored, told } = yield* world
      let asked = 0
      fake.history = ([id]) =>
        Effect.suspend((): Effect.Effect<HistoryPiece, HistoryGone | QueryFailed> =>
          id === 1
            ? new HistoryGone({ cause: new Error("404") })
            : ++asked < 3 ? new QueryFailed({ query: "history", cause: new Error("network") }) : Effect.succeed(piece([part("A")], 1)))
      fake.histories.push({ ...entry(1), since: yield* DateTime.now }, { ...entry(2), since: yield* DateTime.now })
      yield* socket.emit(SocketEvent.Journalled())
      yield* device.settle
      yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("4 seconds"), device.settle), 6)
      yield* until(Effect.sync(() => fake.histories.length === 0))
      expect([asked, yield* stored]).toEqual([3, ["A"]])
      expect(yield* told).toEqual([["history.synced", 1, 1]])
    }))
})
