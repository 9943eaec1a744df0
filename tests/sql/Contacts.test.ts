import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import type { Contact, ContactFact } from "../../src/domain/Contact.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, inGroup, lid, makeDevice, phone, receipt, text, unreadable, world } from "./world.ts"

const anis = lid("111")
const group = "120363000000000001@g.us"
const upsert = (deviceId: DeviceId, ...facts: ReadonlyArray<ContactFact>) =>
  Effect.flatMap(Contacts, (contacts) => contacts.upsert(deviceId, facts))
const all = (deviceId: DeviceId) => Effect.flatMap(Contacts, (contacts) => contacts.list(deviceId, { limit: 100 }))
const ids = (deviceId: DeviceId) => Effect.map(all(deviceId), (rows) => rows.map(({ jid, lid }) => [jid, lid]))
const chat = (deviceId: DeviceId, address: Jid) =>
  Effect.flatMap(Messages, (messages) => messages.history(deviceId, { chat: address, limit: 100 })).pipe(
    Effect.map((rows) => rows.map((row) => row.content))
  )
const names = (rows: ReadonlyArray<Contact>) => rows.map((row) => row.name ?? row.pushName)

describeDatabases("Contacts", (database) => {
  it.layer(world(database))((it) => {
    it.effect("a person is made, completed, and what a fact does not say stays", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const [created] = yield* upsert(deviceId, { phone: ani, pushName: "Ani" })
        expect(created).toMatchObject({ jid: phoneJid(ani), lid: null, phoneNumber: ani, name: null, pushName: "Ani" })
        const [completed] = yield* upsert(deviceId, { phone: ani, lid: anis, name: "Ani from work" })
        expect(completed).toMatchObject({ id: created!.id, lid: anis, name: "Ani from work", pushName: "Ani" })
        expect(yield* upsert(deviceId, { lid: anis })).toEqual([completed])
      }))

    it.effect("somebody known by LID alone is addressed by it until his number is told", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const [hidden] = yield* upsert(deviceId, { lid: anis })
        expect(hidden).toMatchObject({ jid: anis, lid: anis, phoneNumber: null })
        const [known] = yield* upsert(deviceId, { phone: ani, lid: anis })
        expect(known).toMatchObject({ id: hidden!.id, jid: phoneJid(ani), lid: anis, phoneNumber: ani })
      }))

    it.effect("answers stand in the order of the facts, also for one person named twice", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const rows = yield* upsert(deviceId, { phone: ani }, { phone: budi }, { lid: anis }, { phone: ani, lid: anis })
        expect(rows.map((row) => row.phoneNumber)).toEqual([ani, budi, ani, ani])
        expect(yield* all(deviceId)).toHaveLength(2)
      }))

    it.effect("two rows that turn out to be one person become one, and their chats too", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [
          text(direct({ lid: anis, pushName: "Ani" }), "L1", "by LID"),
          text(direct({ phone: ani }), "P1", "by number"),
          text(inGroup(group, { phone: ani }), "G1", "in the group")
        ])
        expect(yield* all(deviceId)).toHaveLength(2)
        expect(yield* chat(deviceId, anis)).toEqual(["by LID"])
        yield* upsert(deviceId, { phone: ani, lid: anis })
        expect(yield* all(deviceId)).toMatchObject([{ jid: phoneJid(ani), lid: anis, pushName: "Ani" }])
        expect(yield* chat(deviceId, anis)).toEqual(["by number", "by LID"])
        expect(yield* chat(deviceId, phoneJid(ani))).toEqual(["by number", "by LID"])
        yield* messages.record(deviceId, [text(inGroup(group, { lid: anis }), "G1", "in the group")])
        expect(yield* chat(deviceId, Jid.make(group))).toEqual(["in the group"])
      }))

    it.effect("messages that are there twice after a merge are kept once, readable if one of them is", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [
          unreadable(direct({ phone: ani }), "A1"), text(direct({ lid: anis }), "A1", "readable"),
          text(direct({ phone: ani }), "A2", "same"), text(direct({ lid: anis }), "A2", "same"),
          text(inGroup(group, { phone: ani }), "G1", "group"), text(inGroup(group, { lid: anis }), "G1", "group")
        ])
        yield* upsert(deviceId, { phone: ani, lid: anis })
        expect((yield* chat(deviceId, anis)).toSorted()).toEqual(["readable", "same"])
        expect(yield* chat(deviceId, Jid.make(group))).toEqual(["group"])
      }))

    it.effect("a receipt makes nobody a contact, but tells who is who", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const messages = yield* Messages
        yield* messages.record(deviceId, [receipt(direct({ phone: budi }), ["X"], "read")])
        expect(yield* ids(deviceId)).toEqual([])
        yield* upsert(deviceId, { phone: ani }, { lid: anis })
        yield* messages.record(deviceId, [receipt(direct({ phone: ani, lid: anis }), ["X"], "read")])
        expect(yield* ids(deviceId)).toEqual([[phoneJid(ani), anis]])
      }))

    it.effect("a number that passes to another person takes nobody's chat along", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const [before] = yield* upsert(deviceId, { phone: ani, lid: anis })
        const [after] = yield* upsert(deviceId, { phone: ani, lid: lid("222") })
        expect(after!.id).not.toBe(before!.id)
        expect(yield* ids(deviceId)).toEqual([[anis, anis], [phoneJid(ani), lid("222")]])
        const [moved] = yield* upsert(deviceId, { phone: budi, lid: lid("222") })
        expect(moved).toMatchObject({ id: after!.id, jid: phoneJid(budi), phoneNumber: budi })
      }))

    it.effect("facts that swap numbers within one batch meet no unique key", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        yield* upsert(deviceId, { phone: ani, lid: lid("1") }, { phone: budi, lid: lid("2") })
        yield* upsert(deviceId, { phone: budi, lid: lid("1") }, { phone: ani, lid: lid("2") })
        expect((yield* ids(deviceId)).toSorted()).toEqual([[phoneJid(ani), lid("2")], [phoneJid(budi), lid("1")]].toSorted())
      }))

    it.effect("at the same time from many sides it is still one person", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const facts: ReadonlyArray<ContactFact> = [{ phone: ani }, { lid: anis }, { phone: ani, lid: anis }, { phone: ani, name: "A" }]
        const answers = yield* Effect.forEach(
          Array.from({ length: 12 }, (_, index) => facts[index % 4]!),
          (fact) => upsert(deviceId, fact),
          { concurrency: "unbounded" }
        )
        expect(answers).toHaveLength(12)
        expect(yield* all(deviceId)).toMatchObject([{ jid: phoneJid(ani), lid: anis, name: "A" }])
      }))

    it.effect("many at once, and a caller's failed transaction takes them back", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const sql = yield* SqlClient.SqlClient
        const facts = Array.from({ length: 450 }, (_, index) => ({ phone: phone(`62800000${1000 + index}`) }))
        yield* Effect.flip(sql.withTransaction(Effect.zipRight(upsert(deviceId, ...facts), Effect.fail("no"))))
        expect(yield* all(deviceId)).toEqual([])
        expect((yield* upsert(deviceId, ...facts)).map((row) => row.phoneNumber)).toEqual(facts.map((fact) => fact.phone))
      }))

    it.effect("the list goes by name and number, page by page, and searches what is written", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const contacts = yield* Contacts
        yield* upsert(
          deviceId,
          { phone: phone("6281000000003"), name: "budi 100%" },
          { phone: phone("6281000000001"), name: "Ani_Sari" },
          { phone: phone("6281000000002"), pushName: "citra" },
          { phone: phone("6281000000004") },
          { phone: phone("6281000000005"), name: "Anixsari" },
          { phone: phone("6281000000006"), name: "ÉMILE" }
        )
        const page = yield* contacts.list(deviceId, { limit: 3 })
        expect(names(page)).toEqual([null, "Ani_Sari", "Anixsari"])
        const next = yield* contacts.list(deviceId, { after: page[2]!.id, limit: 2 })
        expect(names(next)).toEqual(["budi 100%", "citra"])
        expect(names(yield* contacts.list(deviceId, { search: "ani_", limit: 9 }))).toEqual(["Ani_Sari"])
        expect(names(yield* contacts.list(deviceId, { search: "100%", limit: 9 }))).toEqual(["budi 100%"])
        expect(names(yield* contacts.list(deviceId, { search: "CITRA", limit: 9 }))).toEqual(["citra"])
        expect(names(yield* contacts.list(deviceId, { search: "ÉMI", limit: 9 }))).toEqual(["ÉMILE"])
        expect(names(yield* contacts.list(deviceId, { search: "+6281000000002", limit: 9 }))).toEqual(["citra"])
        expect(yield* contacts.list(deviceId, { search: "!", limit: 9 })).toEqual([])
        expect(yield* contacts.list(yield* makeDevice, { limit: 9 })).toEqual([])
      }))
  })
})
