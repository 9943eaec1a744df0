import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Clock, Effect, Option, TestClock } from "effect"
import { expect } from "vitest"
import { DeviceId } from "../../src/domain/DeviceId.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Priority } from "../../src/sql/outbox/Priority.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, eventsOf, lid, makeDevice, phone, receipt, time, world } from "./world.ts"

const failure = { code: "REFUSED_BY_WHATSAPP", text: "no", whatsapp: 479 } as const
const contents = (deviceId: DeviceId) =>
  Effect.flatMap(Outbox, (outbox) => Effect.map(outbox.due(deviceId, 100), (rows) => rows.map((row) => row.content)))

describeDatabases("Outbox", (database) => {
  it.layer(world(database))((it) => {
    it.effect("an accepted message waits, with its id, contact and event", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const { message, replayed } = yield* outbox.accept({ deviceId, to: ani, text: "halo" })
        expect(replayed).toBe(false)
        expect(message).toMatchObject({ direction: "outgoing", status: "pending", content: "halo", toNumber: ani })
        expect(message.messageId).toMatch(/^3EB0[0-9A-F]{18}$/)
        expect(message.chat).toEqual({ jid: phoneJid(ani), lid: null, phone: ani })
        const messages = yield* Messages
        expect(yield* messages.get(deviceId, message.messageId)).toEqual(message)
        const [row] = yield* outbox.due(deviceId, 10)
        expect(row).toMatchObject({ id: message.id, phone: ani, lid: null, groupJid: null, attempts: 0, payload: null })
        const [event] = yield* eventsOf(deviceId)
        expect(event!.data).toMatchObject({ messageId: message.messageId, status: "pending", failure: null })
        const unknown = outbox.accept({ deviceId: DeviceId.make("none"), to: ani, text: "x" })
        expect(yield* Effect.flip(unknown)).toMatchObject({ _tag: "DeviceNotFound" })
      }))

    it.effect("one key is one message, also for calls at the same time; another body is a conflict", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const input = { deviceId, to: ani, text: "halo", idempotencyKey: "k1", requestHash: "h1" }
        const answers = yield* Effect.all(Array.from({ length: 8 }, () => outbox.accept(input)), { concurrency: "unbounded" })
        expect(new Set(answers.map(({ message }) => message.id)).size).toBe(1)
        expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
        expect(yield* contents(deviceId)).toEqual(["halo"])
        const other = yield* Effect.flip(outbox.accept({ ...input, requestHash: "h2" }))
        expect(other).toMatchObject({ _tag: "IdempotencyConflict", idempotencyKey: "k1" })
        const stranger = yield* Effect.flip(outbox.accept({ ...input, to: budi, requestHash: "h3" }))
        expect(stranger._tag).toBe("IdempotencyConflict")
        const people = yield* Contacts
        expect((yield* people.list(deviceId, { limit: 10 })).map(({ phoneNumber }) => phoneNumber)).toEqual([ani])
        expect((yield* eventsOf(deviceId)).length).toBe(1)
        const elsewhere = yield* makeDevice
        expect((yield* outbox.accept({ ...input, deviceId: elsewhere })).replayed).toBe(false)
      }))

    it.effect("within a chat one at a time in order, chats side by side, urgent ones first", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const accept = (to: typeof ani, text: string, priority: number) => outbox.accept({ deviceId, to, text, priority })
        yield* accept(ani, "bulk to ani", Priority.bulk)
        yield* accept(budi, "first to budi", Priority.interactive)
        yield* accept(budi, "second to budi", Priority.interactive)
        yield* accept(phone("6281111111111"), "scheduled", Priority.scheduled)
        yield* accept(ani, "urgent to ani", Priority.interactive)
        expect(yield* contents(deviceId)).toEqual(["first to budi", "urgent to ani", "scheduled"])
        expect((yield* outbox.due(deviceId, 1)).map((row) => row.content)).toEqual(["first to budi"])
        const [first, urgent] = yield* outbox.due(deviceId, 2)
        yield* outbox.sent(deviceId, [{ row: first!, at: time(1) }])
        yield* outbox.failed(deviceId, urgent!, failure)
        expect(yield* contents(deviceId)).toEqual(["second to budi", "scheduled", "bulk to ani"])
      }))

    it.effect("a row that was put off holds its chat, and tells when to look again", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        expect(yield* outbox.nextDueAt(deviceId)).toEqual(Option.none())
        yield* outbox.accept({ deviceId, to: ani, text: "one" })
        yield* TestClock.adjust("1 second")
        yield* outbox.accept({ deviceId, to: ani, text: "two" })
        const [one] = yield* outbox.due(deviceId, 10)
        expect(yield* outbox.nextDueAt(deviceId)).toEqual(Option.some(one!.createdAt))
        yield* outbox.postpone(one!, time(60_000))
        expect(yield* contents(deviceId)).toEqual([])
        expect(yield* outbox.nextDueAt(deviceId)).toEqual(Option.some(time(60_000)))
        yield* TestClock.setTime(60_000)
        expect(yield* contents(deviceId)).toEqual(["one"])
      }))

    it.effect("what was accepted before the clock was put back becomes due in its order", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const start = yield* Clock.currentTimeMillis
        yield* outbox.accept({ deviceId, to: budi, text: "put off" })
        const [putOff] = yield* outbox.due(deviceId, 10)
        yield* outbox.postpone(putOff!, time(start + 60_000))
        yield* TestClock.setTime(start + 3_600_000)
        yield* outbox.accept({ deviceId, to: ani, text: "one" })
        yield* TestClock.setTime(start + 3_600_001)
        yield* outbox.accept({ deviceId, to: ani, text: "two" })
        yield* TestClock.setTime(start + 1000)
        expect(yield* contents(deviceId)).toEqual([])
        yield* outbox.catchUpWithClock(deviceId)
        const [one] = yield* outbox.due(deviceId, 10)
        expect(yield* contents(deviceId)).toEqual(["one"])
        yield* outbox.sent(deviceId, [{ row: one!, at: time(start + 1000) }])
        expect(yield* contents(deviceId)).toEqual(["two"])
      }))

    it.effect("only the owner claims; the bytes stay for the next attempt", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const devices = yield* Devices
        yield* outbox.accept({ deviceId, to: ani, text: "one" })
        const [row] = yield* outbox.due(deviceId, 1)
        const old = yield* devices.claim(deviceId)
        const { epoch } = yield* devices.claim(deviceId)
        expect(epoch).toBe(old.epoch + 1)
        expect(yield* Effect.flip(outbox.claim(deviceId, old.epoch, [{ row: row!, payload: Uint8Array.of(1) }]))).toMatchObject({ _tag: "OwnerChanged", deviceId })
        expect((yield* outbox.due(deviceId, 1))[0]).toMatchObject({ attempts: 0, payload: null })
        expect(yield* outbox.claim(deviceId, epoch, [{ row: row!, payload: Uint8Array.of(1, 2) }])).toEqual([true])
        const [again] = yield* outbox.due(deviceId, 1)
        expect(again!.attempts).toBe(1)
        expect([...again!.payload!]).toEqual([1, 2])
      }))

    it.effect("a failure is told with its reason; an ack that comes late overrules it", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const messages = yield* Messages
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "one" })
        const [row] = yield* outbox.due(deviceId, 1)
        yield* outbox.failed(deviceId, row!, failure)
        expect(yield* messages.get(deviceId, message.messageId)).toMatchObject({ status: "failed", failure })
        expect(yield* contents(deviceId)).toEqual([])
        yield* outbox.sent(deviceId, [{ row: row!, at: time(77) }])
        expect(yield* messages.get(deviceId, message.messageId)).toMatchObject({ status: "sent", failure: null, sentAt: time(77) })
        yield* messages.record(deviceId, [receipt(direct({ lid: lid("1") }), [message.messageId], "read")])
        yield* outbox.sent(deviceId, [{ row: row!, at: time(99) }])
        yield* outbox.postpone(row!, time(0))
        expect(yield* messages.get(deviceId, message.messageId)).toMatchObject({ status: "read", sentAt: time(77) })
        expect(yield* contents(deviceId)).toEqual([])
        expect((yield* eventsOf(deviceId)).map((event) => event.data["status"])).toEqual(["pending", "failed", "sent", "read"])
      }))

    it.effect("acceptance within a larger transaction goes with it", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const events = yield* EventLog
        const latest = yield* events.latest
        yield* outbox.accept({ deviceId, to: ani, text: "one" }).pipe(
          Effect.zipRight(Effect.fail("no")),
          events.transaction,
          Effect.flip
        )
        expect(yield* contents(deviceId)).toEqual([])
        expect(yield* events.latest).toBe(latest)
      }))

    it.effect("what is settled leaves the queue's index", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const sql = yield* SqlClient.SqlClient
        yield* outbox.accept({ deviceId, to: ani, text: "one" })
        const [row] = yield* outbox.due(deviceId, 1)
        yield* outbox.sent(deviceId, [{ row: row!, at: time(1) }])
        const rows = yield* sql`SELECT queue, send_at FROM messages WHERE id = ${row!.id}`
        expect(rows).toEqual([{ queue: null, sendAt: null }])
      }))
  })
})
