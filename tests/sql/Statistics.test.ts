import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect, Layer, Runtime, Schema } from "effect"
import fc from "fast-check"
import { expect } from "vitest"
import { Day, dayOf, TimeZone } from "../../src/domain/Calendar.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { UserId } from "../../src/domain/User.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import type { Devices } from "../../src/sql/devices/Devices.ts"
import type { EventLog } from "../../src/sql/events/EventLog.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Statistics } from "../../src/sql/statistics/Statistics.ts"
import statisticsMigration from "../../src/sql/migrations/0003_statistics.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, inGroup, lid, makeDevice, phone, receipt, text, time, unreadable, world } from "./world.ts"

const group = "120363000000000001@g.us"
const zone = Schema.decodeSync(TimeZone)
const day = Schema.decodeSync(Day)
const at = (instant: string) => Date.parse(instant)
const of = (deviceId: DeviceId, from: string, to: string, timeZone = "UTC") =>
  Effect.flatMap(Statistics, (statistics) => statistics.period(deviceId, { from: day(from), to: day(to), timeZone: zone(timeZone) }))
const counts = (figures: { readonly incomingMessages: number; readonly outgoingMessages: number; readonly failedMessages: number }) =>
  [figures.incomingMessages, figures.outgoingMessages, figures.failedMessages]
const asks = (n: number, when: string) => text(direct({ phone: phone(`628100000000${n}`) }), `Q${n}`, "?", at(when))
const answers = (n: number, when: string) => text(direct({ phone: phone(`628100000000${n}`) }, true), `R${n}`, "!", at(when))

const table = (deviceId: DeviceId) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT * FROM statistics
    WHERE device_id = ${deviceId} AND (incoming <> 0 OR outgoing <> 0 OR failed <> 0) ORDER BY bucket, chat_key`)

describeDatabases("Statistics", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(Statistics.layer), world(database)))((it) => {
    it.effect("a day has what was written, taken and refused on it, where the clocks hang", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        // 23:50 and 00:10 in Jakarta
        yield* messages.record(deviceId, [
          text(direct({ phone: ani }), "A1", "halo", at("2026-01-10T16:50:00Z")),
          text(direct({ phone: ani }, true), "P1", "ya", at("2026-01-10T17:10:00Z")),
          text(inGroup(group, { phone: budi }), "G1", "semua", at("2026-01-10T17:14:59Z"))
        ])
        const jakarta = yield* of(deviceId, "2026-01-10", "2026-01-10", "Asia/Jakarta")
        expect(jakarta).toEqual({
          incomingMessages: 1, outgoingMessages: 0, failedMessages: 0, activeChats: 1, askingChats: 1, answeredChats: 1, responseRate: 1
        })
        const next = yield* of(deviceId, "2026-01-11", "2026-01-11", "Asia/Jakarta")
        expect(next).toEqual({
          incomingMessages: 1, outgoingMessages: 1, failedMessages: 0, activeChats: 2, askingChats: 0, answeredChats: 0, responseRate: null
        })
        expect(yield* of(deviceId, "2026-01-10", "2026-01-10")).toMatchObject({ incomingMessages: 2, outgoingMessages: 1, activeChats: 2 })
        const statistics = yield* Statistics
        const days = yield* statistics.daily(deviceId, { from: day("2026-01-01"), to: day("2026-01-31"), timeZone: zone("Asia/Jakarta") })
        expect(days).toEqual([{ day: day("2026-01-10"), ...jakarta }, { day: day("2026-01-11"), ...next }])
        expect(yield* of(deviceId, "2026-01-12", "2026-01-13", "Asia/Jakarta")).toMatchObject({ incomingMessages: 0, activeChats: 0, responseRate: null })
      }))

    it.effect("an answer counts at or after the question, by the end of the following day", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [
          answers(1, "2026-01-10T07:00:00Z"), asks(1, "2026-01-10T08:00:00Z"),
          asks(2, "2026-01-10T08:00:00Z"), answers(2, "2026-01-11T23:59:00Z"),
          asks(3, "2026-01-10T08:00:00Z"), answers(3, "2026-01-12T00:00:00Z"),
          asks(4, "2026-01-10T08:00:00Z"), answers(4, "2026-01-10T08:00:00Z")
        ])
        const ten = { askingChats: 4, answeredChats: 2, responseRate: 0.5 }
        expect(yield* of(deviceId, "2026-01-10", "2026-01-10")).toMatchObject(ten)
        const statistics = yield* Statistics
        const days = yield* statistics.daily(deviceId, { from: day("2026-01-10"), to: day("2026-01-11"), timeZone: zone("UTC") })
        expect(days[0]).toMatchObject(ten)
        expect(yield* of(deviceId, "2026-01-10", "2026-01-11")).toMatchObject({ askingChats: 4, answeredChats: 3, responseRate: 0.75 })
      }))

    it.effect("what comes twice, late, or turns out otherwise is counted once, as what it is", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const outbox = yield* Outbox
        const now = { from: Day.to.make(0), to: Day.to.make(20_000), timeZone: zone("UTC") }
        const all = Effect.flatMap(Statistics, (statistics) => Effect.map(statistics.period(deviceId, now), counts))
        const origin = direct({ phone: ani })
        yield* messages.record(deviceId, [unreadable(origin, "A1"), text(origin, "A1", "recovered"), text(origin, "A1", "again")])
        yield* messages.record(deviceId, [text(origin, "A1", "once more"), unreadable(origin, "A2")])
        yield* messages.record(deviceId, [text(origin, "A2", "recovered")])
        expect(yield* all).toEqual([2, 0, 0])
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "x" })
        expect(yield* all).toEqual([2, 0, 0])
        const [row] = yield* outbox.due(deviceId, 1)
        yield* outbox.failed(deviceId, row!, { code: "UNACKNOWLEDGED", text: "no answer", whatsapp: null })
        yield* outbox.failed(deviceId, row!, { code: "UNACKNOWLEDGED", text: "no answer", whatsapp: null })
        expect(yield* all).toEqual([2, 0, 1])
        yield* messages.record(deviceId, [receipt(origin, [message.messageId], "delivered"), receipt(origin, [message.messageId], "read")])
        yield* outbox.sent(deviceId, [{ row: row!, at: time(1) }])
        expect(yield* all).toEqual([2, 1, 0])
      }))

    it.effect("two chats that are one person's are one in the figures, and what was in both is once", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        const contacts = yield* Contacts
        yield* messages.record(deviceId, [
          text(direct({ phone: ani }), "A1", "same"), text(direct({ lid: lid("111") }), "A1", "same"),
          text(direct({ lid: lid("111") }), "A2", "by LID"), text(direct({ phone: ani }, true), "P1", "ours")
        ])
        expect(yield* of(deviceId, "2000-01-01", "2000-01-01")).toMatchObject({ activeChats: 0 })
        const period = { from: Day.to.make(0), to: Day.to.make(0), timeZone: zone("UTC") }
        const statistics = yield* Statistics
        expect(yield* statistics.period(deviceId, period)).toMatchObject({ incomingMessages: 3, activeChats: 2 })
        yield* contacts.upsert(deviceId, [{ phone: ani, lid: lid("111") }])
        expect(yield* statistics.period(deviceId, period)).toMatchObject({ incomingMessages: 2, outgoingMessages: 1, activeChats: 1, answeredChats: 1 })
      }))

    it.effect("whatever happens in whatever order, the table is what the messages say", () =>
      Effect.gen(function*() {
        const runtime = yield* Effect.runtime<Devices | EventLog | Messages | Outbox | Contacts | Statistics | SqlClient.SqlClient>()
        const who = fc.constantFrom<ReadonlyArray<ReturnType<typeof direct>>>(
          [direct({ phone: ani })], [direct({ lid: lid("111") })], [direct({ phone: budi })], [inGroup(group, { phone: ani })]
        ).map(([origin]) => origin!)
        const moment = fc.integer({ min: at("2025-03-29T00:00:00Z"), max: at("2025-04-01T00:00:00Z") })
        const step = fc.oneof(
          fc.record({ kind: fc.constantFrom("text", "unreadable", "phone"), who, id: fc.integer({ min: 1, max: 4 }), at: moment }),
          fc.record({ kind: fc.constantFrom("send", "fail", "ack", "receipt", "merge"), who, id: fc.constant(0), at: moment })
        )
        const run = Effect.fnUntraced(function*(steps: ReadonlyArray<typeof step extends fc.Arbitrary<infer A> ? A : never>, timeZone: TimeZone) {
          const deviceId = yield* makeDevice
          const messages = yield* Messages
          const outbox = yield* Outbox
          const contacts = yield* Contacts
          const statistics = yield* Statistics
          const ids: Array<string> = []
          for (const { at: when, id, kind, who } of steps) {
            const [row] = yield* outbox.due(deviceId, 1)
            if (kind === "text") yield* messages.record(deviceId, [text(who, `I${id}`, "x", when)])
            if (kind === "unreadable") yield* messages.record(deviceId, [unreadable(who, `I${id}`, when)])
            if (kind === "phone") yield* messages.record(deviceId, [text({ ...who, fromMe: true }, `P${id}`, "x", when)])
            if (kind === "send") ids.push((yield* outbox.accept({ deviceId, to: ani, text: "x" })).message.messageId)
            if (kind === "fail" && row) yield* outbox.failed(deviceId, row, { code: "UNACKNOWLEDGED", text: "", whatsapp: null })
            if (kind === "ack" && row) yield* outbox.sent(deviceId, [{ row, at: time(when) }])
            if (kind === "receipt") yield* messages.record(deviceId, [receipt(who, ids.slice(-1), "read", when)])
            if (kind === "merge") yield* contacts.upsert(deviceId, [{ phone: ani, lid: lid("111") }])
          }
          // days of any zone add up to the whole
          const period = { from: Day.to.make(-1), to: Day.to.make(dayOf(timeZone, at("2025-04-02T00:00:00Z"))), timeZone }
          const whole = counts(yield* statistics.period(deviceId, period))
          const days = (yield* statistics.daily(deviceId, period)).map(counts)
          expect(days.reduce((sum, one) => sum.map((n, index) => n + one[index]!), [0, 0, 0])).toEqual(whole)
          return deviceId
        })
        const sql = yield* SqlClient.SqlClient
        const devices: Array<DeviceId> = []
        const zones = fc.constantFrom(...["Asia/Kathmandu", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns", "UTC"].map((name) => zone(name)))
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(fc.array(step, { maxLength: 14 }), zones, async (steps, timeZone) => {
              devices.push(await Runtime.runPromise(runtime)(run(steps, timeZone)))
            }),
            { numRuns: database.name === "SQLite" ? 40 : 15 }
          )
        )
        // the migration counts the messages that it finds, in its own way
        const kept = yield* Effect.forEach(devices, table)
        yield* Effect.provideService(statisticsMigration, SqlClient.SqlClient, sql)
        const counted = yield* Effect.forEach(devices, table)
        const plain = (rows: typeof kept) => rows.map((some) => some.map(({ bucket, chatKey, failed, incoming, outgoing }) => [bucket, chatKey, incoming, outgoing, failed]))
        expect(plain(kept)).toEqual(plain(counted))
      }), 120_000)

    it.effect("the sum of all is there for one user and for everybody", () =>
      Effect.gen(function*() {
        const statistics = yield* Statistics
        const sql = yield* SqlClient.SqlClient
        const before = counts(yield* statistics.total())
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [text(direct({ phone: ani }), "A1", "x"), text(direct({ phone: ani }, true), "P1", "x")])
        const rows = yield* sql<{ userId: number }>`SELECT user_id FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        expect(counts(yield* statistics.total({ userId: UserId.make(rows[0]!.userId) }))).toEqual([1, 1, 0])
        expect(counts(yield* statistics.total())).toEqual([before[0]! + 1, before[1]! + 1, before[2]])
      }))
  })
})
