import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { GroupFact, type GroupSnapshot, refOfPerson } from "../../src/domain/GroupFact.ts"
import { Jid } from "../../src/domain/Jid.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import migrate from "../../src/sql/migrations/0006_groups.ts"
import { UserDirectory } from "../../src/sql/accounts/UserDirectory.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, eventsOf, lid, makeDevice, makeUser, phone, world } from "./world.ts"

const groupId = Jid.make("120363000000000001@g.us")
const me = refOfPerson({ phone: phone("6281200000001"), lid: lid("1") })
const aniRef = refOfPerson({ phone: ani, lid: lid("2") })
const budiRef = refOfPerson({ phone: budi, lid: lid("3") })

const toko: GroupSnapshot = {
  groupId, name: "Toko", description: null, owner: me, announcement: false, locked: false, joinApproval: false, memberAddMode: "admins",
  ephemeralSeconds: 0, addressing: "lid", creation: null, ownRole: "superadmin",
  participants: [{ ...me, role: "superadmin" }, { ...aniRef, role: "member" }]
}
const whole = (changes: Partial<GroupSnapshot> = {}) => GroupFact.Whole({ group: { ...toko, ...changes }, author: null })
const people = (action: "add" | "remove" | "promote" | "demote", ...participants: ReadonlyArray<typeof me>) =>
  GroupFact.Participants({ groupId, action, participants, includesMe: participants.includes(me), author: aniRef })

/** What has been told of groups, in short. */
const told = (deviceId: DeviceId) =>
  Effect.map(eventsOf(deviceId), (events) =>
    events.flatMap(({ data, type }) =>
      type === "group.updated" ? [data["changes"]] : type === "group.participants" ? [data["action"]] : []))

describeDatabases("Groups", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(UserDirectory.layer), world(database)))((it) => {
    it.effect("are what WhatsApp says they are, and each change is told once", () =>
      Effect.gen(function*() {
        const groups = yield* Groups
        const deviceId = yield* makeDevice
        yield* groups.record(deviceId, [whole()])
        // its own answer, then the notification of the same
        for (let twice = 0; twice < 2; twice += 1) {
          yield* groups.record(deviceId, [people("add", budiRef)])
          yield* groups.record(deviceId, [GroupFact.Changed({ groupId, settings: { name: "Toko baru", locked: true }, author: aniRef })])
        }
        expect(yield* told(deviceId)).toEqual([["joined"], "add", ["name", "locked"]])
        const { group, participants } = yield* groups.get(deviceId, groupId)
        expect(group).toMatchObject({ name: "Toko baru", locked: true, participantCount: 3, ownRole: "superadmin", owner: me })
        expect(participants.map(({ jid, role }) => [jid, role])).toEqual([[me.jid, "superadmin"], [aniRef.jid, "member"], [budiRef.jid, "member"]])
        const [, added, renamed] = yield* eventsOf(deviceId)
        expect(added).toMatchObject({ version: 1, data: { groupId, name: "Toko", action: "add", participants: [budiRef], participantCount: 3, author: aniRef } })
        expect(renamed).toMatchObject({ data: { name: "Toko baru", locked: true, isMember: true, author: aniRef } })
      }))

    it.effect("come out the same when older notifications follow a newer answer", () =>
      Effect.gen(function*() {
        const groups = yield* Groups
        const deviceId = yield* makeDevice
        const after = { participants: [{ ...me, role: "superadmin" as const }, { ...budiRef, role: "admin" as const }] }
        yield* groups.record(deviceId, [whole(after)])
        yield* groups.record(deviceId, [people("add", budiRef), people("promote", aniRef), people("demote", aniRef), people("remove", aniRef), people("promote", budiRef)])
        const { participants } = yield* groups.get(deviceId, groupId)
        expect(participants.map(({ jid, role }) => [jid, role])).toEqual([[me.jid, "superadmin"], [budiRef.jid, "admin"]])
        expect(yield* told(deviceId)).toEqual([["joined"]])
      }))

    it.effect("keep both ids of a person, whichever is told", () =>
      Effect.gen(function*() {
        const groups = yield* Groups
        const contacts = yield* Contacts
        const deviceId = yield* makeDevice
        const byPhone = refOfPerson({ phone: budi })
        const byLid = refOfPerson({ lid: lid("3") })
        const stranger = refOfPerson({ lid: lid("77") })
        yield* groups.record(deviceId, [whole(), people("add", byPhone), people("add", budiRef), people("promote", byLid), people("add", stranger)])
        yield* groups.record(deviceId, [whole({ participants: [{ ...me, role: "superadmin" }, { ...byLid, role: "admin" }, { ...stranger, role: "member" }] })])
        yield* contacts.upsert(deviceId, [{ lid: lid("77"), phone: phone("6281777777777"), name: "Joko" }, { phone: budi, pushName: "Budi" }])
        const { participants } = yield* groups.get(deviceId, groupId)
        expect(participants.slice(1)).toEqual([
          { ...budiRef, role: "admin", name: "Budi" },
          { jid: "6281777777777@s.whatsapp.net", lid: lid("77"), phone: "6281777777777", role: "member", name: "Joko" }
        ])
        expect(yield* told(deviceId)).toEqual([["joined"], "add", "promote", "add", "remove"])
      }))

    it.effect("that a device left or lost stay as they were, without it", () =>
      Effect.gen(function*() {
        const groups = yield* Groups
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        const other = Jid.make("120363000000000002@g.us")
        yield* groups.record(deviceId, [whole(), whole({ groupId: other, name: "Lain" })], { quiet: true })
        expect(yield* told(deviceId)).toEqual([])
        yield* groups.record(deviceId, [people("remove", me)])
        yield* groups.synced(deviceId, [])
        expect(yield* told(deviceId)).toEqual([["left"], "remove", ["left"]])
        expect(Option.isSome(yield* groups.syncedAt(deviceId))).toBe(true)
        expect(yield* groups.list(deviceId, { onlyJoined: true, limit: 10 })).toEqual([])
        expect((yield* groups.list(deviceId, { onlyJoined: false, limit: 10 })).map(({ isMember, name }) => [name, isMember])).toEqual([["Lain", false], ["Toko", false]])
        yield* groups.record(deviceId, [whole()])
        const { epoch } = yield* devices.claim(deviceId)
        yield* devices.wipe(deviceId, epoch)
        expect((yield* groups.get(deviceId, groupId)).group).toMatchObject({ ownRole: null, refreshedAt: null, name: "Toko" })
        expect(Option.isNone(yield* groups.syncedAt(deviceId))).toBe(true)
      }))

    it.effect("serve for sending only while nothing is known to be missing", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const groups = yield* Groups
        const deviceId = yield* makeDevice
        const members = Effect.map(groups.members(deviceId, groupId), Option.map(({ participants }) => participants.length))
        yield* TestClock.adjust("1 hour")
        expect(yield* members).toEqual(Option.none())
        yield* groups.record(deviceId, [people("add", budiRef)])
        expect(yield* members).toEqual(Option.none())
        yield* groups.record(deviceId, [whole()])
        expect(yield* members).toEqual(Option.some(2))
        const journal = { deviceId, kind: "group", digest: "d", value: Buffer.from("x"), createdAt: 0 }
        yield* sql`INSERT INTO inbound_journal ${sql.insert(journal)}`
        expect(yield* members).toEqual(Option.none())
        yield* sql`UPDATE inbound_journal SET done_at = 1 WHERE device_id = ${deviceId}`
        expect(yield* members).toEqual(Option.some(2))
        yield* groups.record(deviceId, [GroupFact.Stale({ groupId })])
        expect(yield* members).toEqual(Option.none())
        yield* groups.record(deviceId, [whole(), people("remove", me)])
        expect(yield* members).toEqual(Option.none())
      }))

    it.effect("belong to the device's owner, also those that only have a name", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const groups = yield* Groups
        const users = yield* UserDirectory
        const messages = yield* Messages
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        const owner = (yield* devices.get(deviceId)).userId
        const owners = Effect.map(sql<{ userId: number }>`SELECT user_id FROM ${sql("groups")} WHERE device_id = ${deviceId}`, (rows) =>
          rows.map(({ userId }) => Number(userId)))
        yield* messages.recordHistory(deviceId, { contacts: [], groups: [{ jid: groupId, name: "Dari dulu" }], messages: [] })
        expect((yield* groups.get(deviceId, groupId)).group).toMatchObject({ name: "Dari dulu", ownRole: null, refreshedAt: null })
        expect(yield* owners).toEqual([owner])
        // of before there was an owner in the row; and the migration may run twice
        yield* sql`UPDATE ${sql("groups")} SET user_id = 0`
        yield* migrate
        expect(yield* owners).toEqual([owner])
        const heir = yield* makeUser
        yield* users.handOver(owner, heir)
        expect(yield* owners).toEqual([heir])
      }))

    it.effect("are listed by name, page by page", () =>
      Effect.gen(function*() {
        const groups = yield* Groups
        const deviceId = yield* makeDevice
        const named = ["Zebra", "ayam", "Élan", "ayam", "100%"]
        yield* groups.record(deviceId, named.map((name, index) => whole({ groupId: Jid.make(`12036300000000010${index}@g.us`), name })))
        const names = (query: Partial<Parameters<typeof groups.list>[1]>) =>
          Effect.map(groups.list(deviceId, { onlyJoined: true, limit: 10, ...query }), (found) => found.map(({ name }) => name))
        expect(yield* names({})).toHaveLength(5)
        const [first, second] = yield* groups.list(deviceId, { onlyJoined: true, limit: 2 })
        expect([first!.name, second!.name]).toEqual(["100%", "ayam"])
        expect((yield* names({ after: second!.id }))[0]).toBe("ayam")
        expect(yield* names({ search: "AYAM" })).toEqual(["ayam", "ayam"])
        expect(yield* names({ search: "%" })).toEqual(["100%"])
      }))
  })
})
