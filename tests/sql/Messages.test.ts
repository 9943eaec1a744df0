import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { DateTime, Effect, Option, Runtime } from "effect"
import fc from "fast-check"
import { expect } from "vitest"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { isForward, MessageId, type MessageStatus } from "../../src/domain/Message.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import type { EventLog } from "../../src/sql/events/EventLog.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, eventsOf, inGroup, lid, makeDevice, receipt, text, time, typesOf, unreadable, world } from "./world.ts"

const group = "120363000000000001@g.us"
const history = (deviceId: Parameters<typeof typesOf>[0], chat: Jid) =>
  Effect.flatMap(Messages, (messages) => messages.history(deviceId, { chat, limit: 200 }))

describeDatabases("Messages", (database) => {
  it.layer(world(database))((it) => {
    it.effect("what was received is a row, a contact and an event", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [text(direct({ phone: ani, lid: lid("111"), pushName: "Ani" }), "A1", "halo 👋")])
        const [message] = yield* history(deviceId, phoneJid(ani))
        expect(message).toMatchObject({
          messageId: "A1",
          chat: { jid: phoneJid(ani), lid: lid("111"), phone: ani },
          fromNumber: ani,
          content: "halo 👋",
          direction: "incoming",
          status: "delivered",
          failure: null,
          timestamp: time(1000)
        })
        const [event] = yield* eventsOf(deviceId)
        expect(event).toMatchObject({ type: "message.received", sequence: 1, version: 1, deviceId })
        expect(event!.data).toMatchObject({ messageId: "A1", from: ani, pushName: "Ani", content: "halo 👋", recovered: false })
        expect(yield* messages.history(deviceId, { chat: lid("111"), limit: 10 })).toHaveLength(1)
      }))

    it.effect("the same message again, in the same batch or later, changes nothing", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const fact = text(direct({ phone: ani }), "A1", "halo")
        yield* messages.record(deviceId, [fact, fact])
        yield* messages.record(deviceId, [fact, unreadable(fact.origin, "A1")])
        expect(yield* history(deviceId, phoneJid(ani))).toHaveLength(1)
        expect(yield* typesOf(deviceId)).toEqual(["message.received"])
      }))

    it.effect("in a group the same id of two senders is two messages", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [
          text(inGroup(group, { phone: ani }), "G1", "one"),
          text(inGroup(group, { phone: budi }), "G1", "two"),
          text(inGroup(group, undefined, true), "G2", "mine")
        ])
        const rows = yield* history(deviceId, Jid.make(group))
        expect(rows.map((row) => [row.content, row.participant, row.direction, row.chat.jid])).toEqual([
          ["mine", null, "outgoing", group],
          ["two", phoneJid(budi), "incoming", group],
          ["one", phoneJid(ani), "incoming", group]
        ])
      }))

    it.effect("a text replaces its undecryptable stub, once", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, [unreadable(origin, "A1"), unreadable(origin, "B1"), text(origin, "B1", "both at once")])
        yield* messages.record(deviceId, [text(origin, "A1", "recovered"), text(origin, "A1", "again")])
        const rows = yield* history(deviceId, phoneJid(ani))
        expect(rows.map((row) => [row.messageType, row.content])).toEqual([["text", "both at once"], ["text", "recovered"]])
        const events = yield* eventsOf(deviceId)
        expect(events.map((event) => [event.type, event.data["messageId"], event.data["recovered"]])).toEqual([
          ["message.undecryptable", "A1", undefined],
          ["message.undecryptable", "B1", undefined],
          ["message.received", "B1", true],
          ["message.received", "A1", true]
        ])
      }))

    it.effect("what the phone's owner wrote himself is sent, and follows its receipts", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const origin = direct({ phone: ani }, true)
        yield* messages.record(deviceId, [text(origin, "P1", "typed"), receipt(direct({ phone: ani }), ["P1"], "delivered")])
        yield* messages.record(deviceId, [receipt(direct({ phone: ani }), ["P1", "unknown"], "read", 3000)])
        expect(yield* messages.get(deviceId, MessageId.make("P1"))).toMatchObject({
          direction: "outgoing",
          status: "read",
          toNumber: ani,
          sentAt: time(1000),
          deliveredAt: time(2000),
          readAt: time(3000)
        })
        expect(yield* typesOf(deviceId)).toEqual(["message.sent", "message.status", "message.delivered", "message.status"])
      }))

    it.effect("an echo or a receipt proves that a waiting message went out", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const { message: one } = yield* outbox.accept({ deviceId, to: ani, text: "one" })
        const { message: two } = yield* outbox.accept({ deviceId, to: budi, text: "two" })
        expect(yield* outbox.due(deviceId, 10)).toHaveLength(2)
        yield* messages.record(deviceId, [
          text(direct({ lid: lid("111") }, true), one.messageId, "one"),
          receipt(direct({ phone: budi }), [two.messageId], "read")
        ])
        expect(yield* outbox.due(deviceId, 10)).toEqual([])
        expect(yield* outbox.nextDueAt(deviceId)).toEqual(Option.none())
        expect(yield* messages.get(deviceId, one.messageId)).toMatchObject({ status: "sent", sentAt: time(1000) })
        expect(yield* messages.get(deviceId, two.messageId)).toMatchObject({
          status: "read",
          sentAt: time(2000),
          deliveredAt: time(2000),
          readAt: time(2000)
        })
        expect(yield* history(deviceId, phoneJid(ani))).toHaveLength(1)
        expect(yield* history(deviceId, lid("111"))).toHaveLength(0)
      }))

    it.effect("receipts, acks and failures in any order never move a status backward", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const steps = fc.array(fc.constantFrom("ack", "delivered", "read", "failed", "echo"), { minLength: 1, maxLength: 6 })
        const runtime = yield* Effect.runtime<EventLog>()
        const run = Effect.fnUntraced(function*(order: ReadonlyArray<string>) {
          const { message } = yield* outbox.accept({ deviceId, to: ani, text: "x" })
          const row = (yield* outbox.due(deviceId, 10)).find(({ id }) => id === message.id)!
          let expected: MessageStatus = "pending"
          for (const step of order) {
            if (step === "ack") yield* outbox.sent(deviceId, [{ row, at: time(5000) }])
            else if (step === "failed") yield* outbox.failed(deviceId, row, { code: "UNACKNOWLEDGED", text: "no answer", whatsapp: null })
            else if (step === "echo") yield* messages.record(deviceId, [text(direct({ phone: ani }, true), message.messageId, "x")])
            else yield* messages.record(deviceId, [receipt(direct({ phone: ani }), [message.messageId], step as "read")])
            const to: MessageStatus = step === "ack" || step === "echo" ? "sent" : step as MessageStatus
            if (isForward(expected, to)) expected = to
            const now = yield* messages.get(deviceId, message.messageId)
            expect(now.status).toBe(expected)
            expect(now.failure === null).toBe(expected !== "failed")
            expect(now.sentAt !== null).toBe(expected !== "pending" && expected !== "failed")
            expect(now.deliveredAt !== null).toBe(expected === "delivered" || expected === "read")
            expect((yield* outbox.due(deviceId, 10)).some(({ id }) => id === row.id)).toBe(expected === "pending")
          }
          const told = (yield* eventsOf(deviceId)).filter((event) =>
            event.type === "message.status" && event.data["messageId"] === message.messageId
          ).map((event) => event.data["status"] as MessageStatus)
          for (const [index, status] of told.entries()) if (index > 0) expect(isForward(told[index - 1]!, status)).toBe(true)
          expect(told.at(-1)).toBe(expected)
          if (expected === "pending") yield* outbox.sent(deviceId, [{ row, at: time(1) }])
        })
        yield* Effect.promise(() =>
          fc.assert(fc.asyncProperty(steps, (order) => Runtime.runPromise(runtime)(run(order))), { numRuns: 25 })
        )
      }), 60_000)

    // with virtual time a transaction that lost against another would wait for ever to be tried again
    it.effect("sends, receipts and contacts of one device at the same time do not lock each other out", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const contacts = yield* Contacts
        const cycle = Effect.fnUntraced(function*(index: number) {
          const to = index % 2 === 0 ? ani : budi
          const { message } = yield* outbox.accept({ deviceId, to, text: `${index}` })
          const row = { ...(yield* outbox.due(deviceId, 1))[0]!, id: message.id, messageId: message.messageId }
          yield* Effect.all([
            outbox.claim(deviceId, 0, [{ row, payload: Uint8Array.of(1) }]),
            messages.record(deviceId, [receipt(direct({ phone: to }), [message.messageId], "delivered"), text(direct({ phone: to }), `I${index}`, "x")]),
            contacts.upsert(deviceId, [{ phone: to, lid: lid(to) }]),
            outbox.sent(deviceId, [{ row, at: time(1) }])
          ], { concurrency: "unbounded" })
        })
        yield* Effect.forEach(Array.from({ length: 24 }, (_, index) => index), cycle, { concurrency: 6, discard: true })
        const rows = [...yield* history(deviceId, phoneJid(ani)), ...yield* history(deviceId, lid(budi))]
        expect(rows).toHaveLength(48)
        expect(rows.every((row) => row.status === "delivered")).toBe(true)
      }))

    it.effect("history goes by key in both directions", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, Array.from({ length: 250 }, (_, index) => text(origin, `M${index}`, `${index}`)))
        yield* messages.record(deviceId, [text(direct({ phone: budi }), "other", "other")])
        const newest = yield* messages.history(deviceId, { chat: phoneJid(ani), limit: 3 })
        expect(newest.map((row) => row.content)).toEqual(["249", "248", "247"])
        const older = yield* messages.history(deviceId, { chat: phoneJid(ani), before: newest[2]!.id, limit: 2 })
        expect(older.map((row) => row.content)).toEqual(["246", "245"])
        const newer = yield* messages.history(deviceId, { chat: phoneJid(ani), after: older[1]!.id, limit: 2 })
        expect(newer.map((row) => row.content)).toEqual(["246", "247"])
        expect(yield* messages.history(deviceId, { chat: phoneJid(ani), limit: 5000 })).toHaveLength(200)
        expect(yield* messages.history(deviceId, { chat: phoneJid(ani), direction: "outgoing", limit: 5 })).toEqual([])
        expect(yield* messages.history(deviceId, { chat: lid("none"), limit: 5 })).toEqual([])
      }))

    it.effect("metadata and bytes come back as they went in; a payload is found by the id alone", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const metadata = { expiresIn: 60, contacts: [{ name: "snake_case", vcard: "nested_key" }] }
        const fact = { ...text(direct({ phone: ani }, true), "P1", "x"), metadata }
        yield* messages.record(deviceId, [fact, text(direct({ phone: ani }), "I1", "x")])
        expect((yield* messages.get(deviceId, MessageId.make("P1"))).metadata).toEqual(metadata)
        expect(yield* messages.payload(deviceId, MessageId.make("I1"))).toEqual(Option.none())
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "x" })
        expect(yield* messages.payload(deviceId, message.messageId)).toEqual(Option.none())
        const [row] = yield* outbox.due(deviceId, 1)
        yield* outbox.claim(deviceId, 0, [{ row: row!, payload: Uint8Array.of(0, 255, 128, 10) }])
        const payload = yield* messages.payload(deviceId, message.messageId)
        expect([...Option.getOrThrow(payload)]).toEqual([0, 255, 128, 10])
        expect(yield* Effect.flip(messages.get(deviceId, MessageId.make("none")))).toMatchObject({ _tag: "MessageNotFound" })
      }))

    it.effect("names of any length and kind are stored", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const contacts = yield* Contacts
        yield* messages.record(deviceId, [text(direct({ phone: ani, pushName: "👋".repeat(300) }), "A1", "\ud83d \0 ok")])
        const [contact] = yield* contacts.list(deviceId, { limit: 1 })
        expect(contact!.pushName!.startsWith("👋👋")).toBe(true)
        expect((yield* history(deviceId, phoneJid(ani)))[0]!.content).toBe("\ufffd \0 ok")
      }))

    it.effect("a device that is gone is told nothing; last seen moves with its messages", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const sql = yield* SqlClient.SqlClient
        yield* messages.record(deviceId, [text(direct({ phone: ani }), "A1", "halo")])
        const rows = yield* sql<{ lastSeen: number }>`SELECT last_seen FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        expect(rows[0]!.lastSeen).toBe((yield* DateTime.now).epochMillis)
        yield* sql`DELETE FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        yield* messages.record(deviceId, [text(direct({ phone: budi }), "A2", "halo")])
        expect(yield* history(deviceId, phoneJid(budi))).toEqual([])
      }))
  })
})
