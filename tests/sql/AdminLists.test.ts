import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { expect } from "vitest"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import type { UserId } from "../../src/domain/User.ts"
import { AdminLists } from "../../src/sql/admin/AdminLists.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { GlobalFigures } from "../../src/sql/admin/GlobalFigures.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { groupJid, snapshot } from "../support/fakeGroups.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, makeDevice, text, world } from "./world.ts"

const lists = Layer.mergeAll(AdminLists.layer, GlobalFigures.layer, Users.layer)
const all = { offset: 0, limit: 50 }

/** The plan of a statement, as one text. */
const planOf = (statement: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const prefix = sql.onDialectOrElse({ mysql: () => "EXPLAIN", orElse: () => "EXPLAIN QUERY PLAN" })
    return JSON.stringify(yield* sql.unsafe(`${prefix} ${statement}`))
  })

describeDatabases("AdminLists", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(lists), world(database)))((it) => {
    it.effect("show what all have, newest first, page by page and by cursor", () =>
      Effect.gen(function*() {
        const admin = yield* AdminLists
        const devices = yield* Devices
        const messages = yield* Messages
        const [one, two] = [yield* makeDevice, yield* makeDevice]
        const owner = (yield* devices.get(one)).userId
        for (const n of [1, 2, 3]) yield* messages.record(one, [text(direct({ phone: ani, pushName: "Ani" }), `A${n}`, `one ${n}`)])
        yield* messages.record(two, [text(direct({ phone: budi, pushName: "Budi" }), "B1", "two")])
        yield* messages.record(one, [text(direct({ phone: ani }, true), "A4", "one 4")])

        const everything = yield* admin.messages(all)
        expect(everything.rows.map(({ message }) => message.content)).toEqual(["one 4", "two", "one 3", "one 2", "one 1"])
        expect(everything).toMatchObject({ total: 5, totalIsExact: true, nextCursor: null })
        const ofOwner = yield* admin.messages({ ...all, userId: owner })
        expect(new Set(ofOwner.rows.map(({ userId }) => userId))).toEqual(new Set([owner]))
        expect(ofOwner.total).toBe(4)
        const incoming = yield* admin.messages({ ...all, deviceId: one, direction: "incoming", limit: 2 })
        expect(incoming.rows.map(({ message }) => message.content)).toEqual(["one 3", "one 2"])
        expect(incoming.total).toBe(3)
        const rest = yield* admin.messages({ ...all, deviceId: one, direction: "incoming", limit: 2, before: incoming.nextCursor! })
        expect(rest.rows.map(({ message }) => message.content)).toEqual(["one 1"])
        expect(rest.nextCursor).toBeNull()
        expect((yield* admin.messages({ ...all, status: "failed" })).rows).toEqual([])
        expect((yield* admin.messages({ ...all, limit: 2, offset: 4 })).rows.map(({ message }) => message.content)).toEqual(["one 1"])
        expect((yield* admin.messages({ ...all, userId: 9999 as UserId })).total).toBe(0)

        const people = yield* admin.contacts(all)
        expect(people.rows.map(({ contact, deviceId }) => [contact.pushName, deviceId])).toEqual([["Budi", two], ["Ani", one]])
        expect((yield* admin.contacts({ ...all, search: "ANI" })).rows).toHaveLength(1)
        expect((yield* admin.contacts({ ...all, search: "+62812" })).rows[0]!.contact.phoneNumber).toBe(ani)
        expect((yield* admin.contacts({ ...all, search: "%" })).total).toBe(0)
        expect((yield* admin.contacts({ ...all, deviceId: two, userId: owner })).total).toBe(0)

        const groups = yield* Groups
        yield* groups.record(one, [GroupFact.Whole({ group: snapshot(groupJid("101"), "Keluarga"), author: null })])
        yield* groups.record(two, [GroupFact.Whole({ group: snapshot(groupJid("101"), "Keluarga"), author: null })])
        const everybodys = yield* admin.groups({ ...all, search: "KELU" })
        expect(everybodys.rows.map(({ group }) => [group.name, group.deviceId])).toEqual([["Keluarga", two], ["Keluarga", one]])
        expect((yield* admin.groups({ ...all, userId: owner })).rows.map(({ group, userId }) => [group.deviceId, userId])).toEqual([[one, owner]])
        expect((yield* admin.groups({ ...all, deviceId: one, userId: owner, limit: 1 })).total).toBe(1)

        expect((yield* admin.devices(all)).devices.map(({ deviceId }) => deviceId)).toEqual([two, one])
        expect(yield* admin.devices({ ...all, search: two.toUpperCase() })).toMatchObject({ total: 1, devices: [{ deviceId: two }] })
        expect((yield* admin.devices({ ...all, status: "connected" })).total).toBe(0)

        const figures = yield* Effect.flatMap(GlobalFigures, ({ read }) => read)
        expect(figures).toMatchObject({
          users: { total: 2, active: 2, admins: 0 },
          devices: { total: 2, connected: 0, byStatus: { disconnected: 2, connected: 0 } },
          messages: { queued: 0, lastDay: { incoming: 4, outgoing: 1, failed: 0, isExact: true } }
        })
        expect(figures.messages.estimatedTotal).toBeGreaterThanOrEqual(5)
        expect(DateTime.toEpochMillis(figures.messages.lastDay.since)).toBeLessThan(0)
      }))

    it.effect("look at so many rows and no more, and say so", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const admin = yield* AdminLists
        const deviceId = yield* makeDevice
        const { userId } = yield* Effect.flatMap(Devices, (devices) => devices.get(deviceId))
        const row = (n: number) => ({
          userId, sessionId: 1, deviceId, chatKey: "c0", senderKey: "", messageId: `M${n}`, messageType: "text", content: `${n}`,
          direction: "incoming", status: n === 1 ? "failed" : "sent", toNumber: ani, fromNumber: budi, timestamp: n, createdAt: n, updatedAt: n
        })
        yield* sql.withTransaction(Effect.forEach(
          Array.from({ length: 22 }, (_, chunk) => Array.from({ length: 500 }, (_, n) => row(chunk * 500 + n + 1))),
          (rows) => sql`INSERT INTO messages ${sql.insert(rows)}`,
          { discard: true }
        ))
        const page = yield* admin.messages({ ...all, deviceId })
        expect(page).toMatchObject({ total: 10_000, totalIsExact: false })
        expect(page.nextCursor).toBe(page.rows.at(-1)!.message.id)

        // the only failed one is the oldest of 11000: five pages without it, then it
        let before: number | undefined
        for (let page = 0; page < 5; page += 1) {
          const empty = yield* admin.messages({ ...all, deviceId, status: "failed", before })
          expect([empty.rows.length, empty.total, empty.totalIsExact]).toEqual([0, 0, false])
          before = empty.nextCursor!
        }
        const last = yield* admin.messages({ ...all, deviceId, status: "failed", before })
        expect(last.rows.map(({ message }) => message.content)).toEqual(["1"])
        expect(last.nextCursor).toBeNull()
      }))

    it.effect("go by an index", () =>
      Effect.gen(function*() {
        const onMysql = database.name === "MySQL"
        const hint = (index: string) => onMysql ? `FORCE INDEX (${index})` : `INDEXED BY ${index}`
        for (const [table, column] of [["messages", "device"], ["messages", "user"], ["contacts", "device"], ["contacts", "user"], ["groups", "device"], ["groups", "user"]] as const) {
          const plan = yield* planOf(`SELECT id FROM \`${table}\` ${hint(`${table}_${column}`)}
            WHERE ${column}_id = '1' AND id < 5000 ORDER BY id DESC LIMIT 10000`)
          expect(plan).toContain(`${table}_${column}`)
          expect(plan).not.toMatch(/filesort|TEMP B-TREE/)
        }
        const byId = yield* planOf("SELECT id FROM messages WHERE id < 5000 ORDER BY id DESC LIMIT 10000")
        expect(byId).toMatch(onMysql ? /PRIMARY/ : /PRIMARY KEY/)
      }))
  })
})
