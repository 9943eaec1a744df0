import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema, TestClock } from "effect"
import { expect } from "vitest"
import { Day, dayOf, TimeZone } from "../../src/domain/Calendar.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import type { HistoryMessage } from "../../src/domain/History.ts"
import { Inbound, type Origin } from "../../src/domain/Inbound.ts"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { plainText, SendRequest } from "../../src/domain/OutgoingContent.ts"
import { AdminLists } from "../../src/sql/admin/AdminLists.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { DailyChats } from "../../src/sql/messages/DailyChats.ts"
import { type HistoryQuery, Messages } from "../../src/sql/messages/Messages.ts"
import { MessageSearch, wordsOf } from "../../src/sql/messages/MessageSearch.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Statistics } from "../../src/sql/statistics/Statistics.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, inGroup, lid, makeDevice, receipt, text, time, typesOf, unreadable, world } from "./world.ts"

const group = Jid.make("120363000000000001@g.us")
const utc = Schema.decodeSync(TimeZone)("UTC")
const jakarta = Schema.decodeSync(TimeZone)("Asia/Jakarta")
const day = Schema.decodeSync(Day)
const at = (instant: string) => Date.parse(instant)

const history = (deviceId: DeviceId, query: Partial<HistoryQuery> = {}) =>
  Effect.flatMap(Messages, (messages) => messages.history(deviceId, { chat: phoneJid(ani), limit: 200, ...query }))
const contents = (deviceId: DeviceId, query?: Partial<HistoryQuery>) =>
  Effect.map(history(deviceId, query), (rows) => rows.map(({ content }) => content))
const old = (origin: Origin, id: string, content: string, when: number, status: HistoryMessage["status"] = "read"): HistoryMessage => ({
  fact: text(origin, id, content, when) as HistoryMessage["fact"],
  status
})
const remember = (deviceId: DeviceId, ...messages: ReadonlyArray<HistoryMessage>) =>
  Effect.flatMap(Messages, (all) => all.recordHistory(deviceId, { contacts: [], groups: [], messages }))

const many = (fromMe: boolean, count: number, second: number, name: string) =>
  Array.from({ length: count }, (_, index) => text(direct({ phone: budi }, fromMe), `${name}${index}`, "x", second * 1000))

const readers = Layer.mergeAll(AdminLists.layer, DailyChats.layer, MessageSearch.layer, Statistics.layer)

describeDatabases("History", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(readers), world(database)))((it) => {
    it.effect("goes by time, whenever a message was stored, and by arrival within a second", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, [
          text({ ...origin, fromMe: true }, "P1", "our own clock", 5_900), text(origin, "A1", "the same second", 5_000),
          text(origin, "A2", "late", 3_000)
        ])
        const all = ["the same second", "our own clock", "late"]
        expect(yield* contents(deviceId)).toEqual(all)
        const rows = yield* history(deviceId)
        for (let index = 0; index < 3; index++) {
          expect(yield* contents(deviceId, { before: rows[index]!.id })).toEqual(all.slice(index + 1))
          expect(yield* contents(deviceId, { after: rows[index]!.id })).toEqual(all.slice(0, index).toReversed())
        }
        expect(yield* contents(deviceId, { after: 0 })).toEqual(all.toReversed())
        expect(yield* contents(deviceId, { before: Number.MAX_SAFE_INTEGER })).toEqual(all)
      }))

    it.effect("can be narrowed down by kind, direction, status and time", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, [
          { ...text(origin, "A1", "a picture", 1_000), messageType: "image" },
          text(origin, "A2", "words", 2_000), text({ ...origin, fromMe: true }, "P1", "an answer", 3_000),
          receipt(origin, ["P1"], "read"), unreadable(origin, "A3", 4_000)
        ])
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "waits" })
        expect(message.status).toBe("pending")
        expect(yield* contents(deviceId, { type: "image" })).toEqual(["a picture"])
        expect(yield* contents(deviceId, { type: "undecryptable" })).toEqual([null])
        expect(yield* contents(deviceId, { status: "read" })).toEqual(["an answer"])
        expect(yield* contents(deviceId, { status: "pending" })).toEqual(["waits"])
        expect(yield* contents(deviceId, { direction: "incoming", type: "text" })).toEqual(["words"])
        expect(yield* contents(deviceId, { from: time(2_000), to: time(4_000) })).toEqual(["an answer", "words"])
        expect(yield* contents(deviceId, { from: time(2_000), to: time(4_000), after: 0, limit: 1 })).toEqual(["words"])
      }))

    it.effect("what the phone remembers is stored for itself: no news, no figures, nothing overwritten", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const contacts = yield* Contacts
        const statistics = yield* Statistics
        const sql = yield* SqlClient.SqlClient
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, [text(origin, "A2", "as it came", 9_000)])
        const told = yield* typesOf(deviceId)
        const part = {
          contacts: [{ phone: ani, lid: lid("111"), name: "Ani from work" }],
          groups: [{ jid: group, name: "Family" }],
          messages: [
            old(origin, "A1", "long ago", 1_000), old({ ...origin, fromMe: true }, "P1", "ours", 2_000),
            old(direct({ lid: lid("111") }), "A2", "as the phone has it", 9_000), old(inGroup(group, { phone: budi }), "G1", "in the group", 3_000)
          ]
        }
        expect(yield* messages.recordHistory(deviceId, part)).toBe(3)
        expect(yield* messages.recordHistory(deviceId, part)).toBe(0)
        expect(yield* contents(deviceId)).toEqual(["as it came", "ours", "long ago"])
        expect((yield* history(deviceId)).map((row) => [row.historical, row.status])).toEqual([[false, "delivered"], [true, "read"], [true, "read"]])
        expect(yield* contents(deviceId, { chat: group })).toEqual(["in the group"])
        expect((yield* contacts.list(deviceId, { limit: 9 })).map((row) => [row.name, row.lid])).toContainEqual(["Ani from work", lid("111")])
        expect(yield* sql`SELECT name FROM ${sql("groups")} WHERE device_id = ${deviceId}`).toEqual([{ name: "Family" }])
        expect(yield* typesOf(deviceId)).toEqual(told)
        const period = { from: Day.to.make(0), to: Day.to.make(1), timeZone: utc }
        expect(yield* statistics.period(deviceId, period)).toMatchObject({ incomingMessages: 1, outgoingMessages: 0, activeChats: 1 })
        yield* messages.record(deviceId, [receipt(origin, ["P1"], "read")])
        expect(yield* statistics.period(deviceId, period)).toMatchObject({ outgoingMessages: 0 })
      }))

    it.effect("a message that is delivered although the phone remembers it is news, once", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const statistics = yield* Statistics
        const origin = direct({ phone: ani })
        yield* remember(deviceId, old(origin, "A1", "halo", 1_000))
        const fact = text(origin, "A1", "halo", 1_000)
        yield* messages.record(deviceId, [unreadable(origin, "A1"), fact, fact])
        yield* messages.record(deviceId, [fact])
        expect(yield* typesOf(deviceId)).toEqual(["message.received"])
        expect((yield* history(deviceId)).map(({ historical }) => historical)).toEqual([false])
        const period = { from: Day.to.make(0), to: Day.to.make(0), timeZone: utc }
        expect(yield* statistics.period(deviceId, period)).toMatchObject({ incomingMessages: 1 })
      }))

    it.effect("a day's chats: the last message of each, how many, and what is unread now", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const contacts = yield* Contacts
        const chats = yield* DailyChats
        yield* contacts.upsert(deviceId, [{ phone: ani, name: "Ani" }])
        yield* messages.record(deviceId, [
          text(direct({ phone: ani }), "A0", "the day before", at("2026-01-09T16:59:59Z")),
          text(direct({ phone: ani }), "A1", "first", at("2026-01-09T17:00:00Z")),
          text(direct({ phone: ani }, true), "P1", "answer", at("2026-01-10T01:00:00Z")),
          text(direct({ lid: lid("5") }), "B1", "hidden", at("2026-01-10T02:00:00Z")),
          text(inGroup(group, { phone: budi }), "G1", "group", at("2026-01-10T03:00:00Z")),
          text(direct({ phone: ani }), "A2", "after it", at("2026-01-10T16:59:59Z")),
          text(direct({ phone: ani }), "A3", "the day after", at("2026-01-10T17:00:00Z"))
        ])
        const query = { day: day("2026-01-10"), timeZone: jakarta }
        const list = yield* chats.list(deviceId, { ...query, limit: 10 })
        expect(list.map((chat) => [chat.name, chat.lastMessage.content, chat.incomingMessages, chat.outgoingMessages, chat.unreadCount])).toEqual([
          ["Ani", "after it", 2, 1, 2], [null, "group", 1, 0, 1], [null, "hidden", 1, 0, 1]
        ])
        expect(yield* chats.totals(deviceId, query)).toEqual({ totalChats: 3, incomingMessages: 4, outgoingMessages: 1 })
        const [first, ...rest] = list
        expect(yield* chats.list(deviceId, { ...query, limit: 1 })).toEqual([first])
        expect(yield* chats.list(deviceId, { ...query, after: first!.lastMessage.id, limit: 5 })).toEqual(rest)
        expect(yield* chats.list(deviceId, { ...query, day: day("2026-01-12"), limit: 5 })).toEqual([])
        // a cursor of another day, however far, stands before or behind all of this one
        yield* messages.record(deviceId, [text(direct({ phone: budi }), "C1", "years later", at("2031-01-10T03:00:00Z"))])
        const [later] = yield* chats.list(deviceId, { ...query, day: day("2031-01-10"), limit: 5 })
        expect(yield* chats.list(deviceId, { ...query, after: later!.lastMessage.id, limit: 5 })).toEqual(list)
        expect(yield* chats.list(deviceId, { ...query, day: day("2031-01-10"), after: first!.lastMessage.id, limit: 5 })).toEqual([])
        expect(yield* chats.list(deviceId, { ...query, after: 999_999_999, limit: 5 })).toEqual([])
      }))

    it.effect("unread is what came after our last message and was not read on the phone, up to a hundred", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const chats = yield* DailyChats
        const unread = Effect.map(chats.list(deviceId, { day: day("2000-01-02"), timeZone: utc, limit: 9 }), (list) => list.map((chat) => chat.unreadCount))
        const start = at("2000-01-02T00:00:00Z") / 1000
        yield* remember(deviceId, old(direct({ phone: ani }), "H1", "read", start * 1000), old(direct({ phone: ani }), "H2", "new", start * 1000 + 1000, "delivered"))
        yield* messages.record(deviceId, [...many(false, 3, start, "a"), ...many(true, 1, start, "b"), ...many(false, 2, start, "c")])
        expect((yield* unread).toSorted()).toEqual([1, 2])
        yield* messages.record(deviceId, many(false, 30, start + 5, "d"))
        expect(yield* unread).toEqual([32, 1])
        yield* messages.record(deviceId, many(false, 120, start + 40, "e"))
        expect(yield* unread).toEqual([100, 1])
      }))

    it.effect("words are found regardless of case, accents and punctuation, whole or by their beginning", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const search = yield* MessageSearch
        const origin = direct({ phone: ani })
        const find = (q: string, query: { readonly before?: number; readonly limit?: number } = {}) =>
          Effect.map(search.find(deviceId, { words: wordsOf(q), limit: 10, ...query }), (rows) => rows.map(({ content }) => content))
        yield* messages.record(deviceId, [
          text(origin, "A1", "Terima kasih, pesanan #1042 sudah DITERIMA!"), text(origin, "A2", "Café crème; order_17"),
          text(inGroup(group, { phone: budi }), "G1", "pesanan baru"), unreadable(origin, "A4"), text(origin, "A5", "%' OR 1=1 -- quoted")
        ])
        yield* outbox.accept({ deviceId, to: budi, text: "Pesanan dikirim" })
        yield* messages.record(yield* makeDevice, [text(origin, "A1", "pesanan of another device")])
        expect(yield* find("PESANAN")).toEqual(["Pesanan dikirim", "pesanan baru", "Terima kasih, pesanan #1042 sudah DITERIMA!"])
        expect(yield* find("pesanan kasih")).toEqual(["Terima kasih, pesanan #1042 sudah DITERIMA!"])
        expect(yield* find("pes")).toEqual([])
        expect(yield* find("pes*", { limit: 1 })).toEqual(["Pesanan dikirim"])
        expect(yield* find("cafe")).toEqual(["Café crème; order_17"])
        expect(yield* find("order_17")).toEqual(["Café crème; order_17"])
        expect(yield* find("1042, diterima?")).toEqual(["Terima kasih, pesanan #1042 sudah DITERIMA!"])
        expect(yield* find("quoted")).toHaveLength(1)
        const [newest] = yield* search.find(deviceId, { words: ["pesanan"], limit: 1 })
        expect(yield* find("pesanan", { before: newest!.id })).toEqual(["pesanan baru", "Terima kasih, pesanan #1042 sudah DITERIMA!"])
        yield* messages.record(deviceId, [text(origin, "A4", "recovered words")])
        expect(yield* find("recovered")).toEqual(["recovered words"])
      }))

    it.effect("what changes messages is in no list, no figure and no search; these follow what it changes", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const chats = yield* DailyChats
        const lists = yield* AdminLists
        const statistics = yield* Statistics
        const search = yield* MessageSearch
        yield* TestClock.adjust("20 days")
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        const today = { day: dayOf(utc, now), timeZone: utc }
        const find = (word: string) => Effect.map(search.find(deviceId, { words: wordsOf(word), limit: 9 }), (rows) => rows.map(({ content }) => content))
        const send = (request: SendRequest, status: "sent" | "failed" = "sent") =>
          Effect.gen(function*() {
            const { message } = yield* outbox.accept({ deviceId, request })
            const [row] = yield* outbox.due(deviceId, 1)
            yield* status === "sent"
              ? outbox.sent(deviceId, [{ row: row!, at: time(now) }])
              : outbox.failed(deviceId, row!, { code: "RATE_LIMITED", text: "", whatsapp: 429 })
            return message.messageId
          })
        const mine = yield* send(plainText(phoneJid(ani), "harga lama"))
        const other = yield* send(plainText(phoneJid(ani), "salah kirim"))
        yield* messages.record(deviceId, [
          text(direct({ phone: ani }), "A1", "terima kasih", now + 1000), text(direct({ phone: budi }), "B1", "kemarin", now - 3 * 86_400_000)
        ])
        const figures = statistics.period(deviceId, { from: today.day, to: today.day, timeZone: utc })
        const before = yield* figures
        expect(before).toMatchObject({ incomingMessages: 1, outgoingMessages: 2, failedMessages: 0, activeChats: 1 })

        yield* send(SendRequest.Edit({ target: mine, text: "harga baru", mentions: [] }))
        yield* send(SendRequest.Delete({ target: other, ofOthers: false }))
        yield* send(SendRequest.Reaction({ target: MessageId.make("A1"), emoji: "👍" }))
        // its chat has nothing else on this day
        yield* send(SendRequest.Reaction({ target: MessageId.make("B1"), emoji: "👍" }))
        yield* send(SendRequest.Reaction({ target: MessageId.make("A1"), emoji: "❤️" }), "failed")
        yield* messages.record(deviceId, [
          Inbound.Changed({
            origin: direct({ phone: ani }), messageId: MessageId.make("E1"), target: { messageId: MessageId.make("A1"), author: "peer" },
            change: { _tag: "Edit", text: "sama sama", mentions: [] }, at: time(now + 2000), timestamp: time(now + 2000), me: []
          })
        ])

        expect(yield* figures).toEqual(before)
        expect(yield* chats.totals(deviceId, today)).toEqual({ totalChats: 1, incomingMessages: 1, outgoingMessages: 2 })
        const [chat, ...rest] = yield* chats.list(deviceId, { ...today, limit: 9 })
        expect(rest).toEqual([])
        // a reaction is no answer: what came stays unread
        expect(chat).toMatchObject({ lastMessage: { content: "sama sama" }, incomingMessages: 1, outgoingMessages: 2, unreadCount: 1 })
        expect(yield* contents(deviceId, { type: "edit" })).toEqual([])
        const all = yield* lists.messages({ deviceId, offset: 0, limit: 20 })
        expect(all.rows).toHaveLength(9)
        expect((yield* lists.messages({ deviceId, offset: 0, limit: 20, shownOnly: true })).rows.map(({ message }) => message.messageType))
          .toEqual(["text", "text", "text", "text"])

        expect(yield* find("baru")).toEqual(["harga baru"])
        expect(yield* find("harga")).toEqual(["harga baru"])
        expect(yield* find("sama")).toEqual(["sama sama"])
        for (const gone of ["lama", "salah", "kirim", "terima", "kasih"]) expect(yield* find(gone), gone).toEqual([])
      }))

    it.effect("page by page the same is found as at once, also of words that are in nearly everything", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const search = yield* MessageSearch
        const words = ["pesanan", "PESANAN", "Café", "cafe", "order_17", "order", "pesan", "naïve", "42", "1042"]
        const texts = Array.from({ length: 60 }, (_, n) => `${words[n % 10]}${[" ", ", ", "; ", "!\n"][n % 4]}${words[(n * 7 + 3) % 10]} ${n % 3 === 0 ? "terima kasih" : "ya"}`)
        yield* (yield* Messages).record(deviceId, texts.map((said, n) => text(direct({ phone: ani }), `P${n}`, said)))
        for (const q of ["pesanan", "pes*", "cafe", "café terima", "order_17", "order*", "1042", "NAIVE", "terima kasih"]) {
          const whole = yield* search.find(deviceId, { words: wordsOf(q), limit: 100 })
          expect(whole.length, q).toBeGreaterThan(0)
          const paged: Array<number> = []
          while (true) {
            const found = yield* search.find(deviceId, { words: wordsOf(q), before: paged.at(-1), limit: 2 })
            paged.push(...found.map(({ id }) => id))
            if (found.length < 2) break
          }
          expect(paged, q).toEqual(whole.map(({ id }) => id))
        }
      }))

    it.effect("nothing that is looked for is a query language", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const search = yield* MessageSearch
        for (const q of ["\"", "'", "+abc -def", "abc* OR (", "NEAR(abc)", "abc AND", "content : abc", "^abc", "@@@abc", "abc\0def", "\u{1f600}abc", "~abc>", "abc**"]) {
          expect(yield* search.find(deviceId, { words: wordsOf(q), limit: 5 })).toEqual([])
        }
        expect(wordsOf("ya ok the di")).toEqual([])
        expect(wordsOf(`${"panjang ".repeat(20)} ${Array.from({ length: 20 }, (_, n) => `kata${n}`).join(" ")}`)).toHaveLength(10)
      }))
  })
})
