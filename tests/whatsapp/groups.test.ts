import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, expect } from "vitest"
import type { GroupFact } from "../../src/domain/GroupFact.ts"
import { Jid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { changesGroups, notificationFacts } from "../../src/whatsapp/groups/GroupNotification.ts"
import { InboundJournal } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { deviceId, next, online, openOnline, phone, Server, world } from "./support/world.ts"

const BUDI = "6281299990001"
const [first, second, third] = [1, 2, 3].map((n) => MessageId.make(`3EB0${String(n).padStart(18, "0")}`)) as [MessageId, MessageId, MessageId]
const me = { id: "6281200000001:3@s.whatsapp.net", lid: "900001:3@lid" }
const from = "120363000000000001@g.us"

/** What one change says, by whoever it was made. */
const factOf = (change: { tag: string; attrs?: Record<string, string>; content?: unknown }, type = "w:gp2"): GroupFact | undefined =>
  notificationFacts({
    tag: "notification",
    attrs: { from, type, id: "1", t: "1", participant: "5@lid", participant_pn: `${BUDI}@s.whatsapp.net` },
    content: [{ attrs: {}, ...change } as never]
  }, me)[0]

describe("groups", () => {
  it.scopedLive("what is told of them stands in the journal before it is acknowledged, whole and in order", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const journal = yield* InboundJournal
      const connection = yield* online()
      const budi = server.phone(BUDI, "Budi")
      const group = budi.groups.create("Toko", [phone])
      budi.groups.rename(group.jid, "Toko baru")
      yield* Effect.repeatN(next(connection, "GroupsTold"), 1)
      const entries = yield* journal.groups(deviceId, 10)
      const [created, renamed] = entries.flatMap(({ facts }) => facts)
      expect(created).toMatchObject({
        _tag: "Whole",
        group: { groupId: group.jid, name: "Toko", ownRole: "member", addressing: "lid", memberAddMode: "everyone" },
        author: { phone: BUDI, lid: budi.lid }
      })
      expect(renamed).toMatchObject({ _tag: "Changed", settings: { name: "Toko baru" } })
      expect(yield* journal.pending(deviceId, 10)).toEqual([])
      yield* journal.done(deviceId, entries.map(({ id }) => id))
      expect(yield* journal.groups(deviceId, 10)).toEqual([])
    }).pipe(Effect.provide(world())), 30_000)

  it.scopedLive("the first message in one, which brings the key, is lost: the next try brings it again", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(BUDI, "Budi")
      const toko = yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* online()
        const { jid } = budi.groups.create("Toko", [phone])
        server.faults.add({ kind: "ack-close", deliver: false, times: 1 })
        yield* Effect.flip(connection.send(Jid.make(jid), first, encodeText("pertama")))
        return Jid.make(jid)
      }))
      const connection = yield* openOnline()
      yield* connection.send(toko, first, encodeText("pertama"), true)
      server.faults.add({ kind: "ack-error", code: 400, times: 1 })
      yield* Effect.flip(connection.send(toko, second, encodeText("ditolak")))
      yield* connection.send(toko, third, encodeText("ketiga"))
      yield* Effect.promise(() => budi.waitForMessage(({ text }) => text === "ketiga"))
      expect(budi.inbox.map(({ text }) => text)).toEqual(["pertama", "ketiga"])
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())), 30_000)

  it.scopedLive("are made, read and left over the port, and refusals come with their number", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const { groups } = yield* online()
      server.phone(BUDI, "Budi")
      const budi = Jid.make(`${BUDI}@s.whatsapp.net`)
      const stranger = Jid.make("6285500000404@s.whatsapp.net")
      const { group, results } = yield* groups.create("Kantor", [budi, stranger])
      expect(results.map(({ code, jid, status }) => [jid, status, code])).toEqual([[budi, "done", 200], [stranger, "not_found", 404]])
      expect(group.participants.map((each) => [each.phone, each.role])).toEqual([[phone, "superadmin"], [BUDI, "member"]])
      expect((yield* groups.all).map(({ groupId }) => groupId)).toEqual([group.groupId])
      expect(yield* groups.get(group.groupId)).toEqual(group)
      expect(yield* Effect.flip(groups.get(Jid.make("120363999999999999@g.us")))).toMatchObject({ _tag: "GroupRefused", code: 404 })
      yield* groups.change(group.groupId, { _tag: "Leave" })
      expect(yield* Effect.flip(groups.get(group.groupId))).toMatchObject({ _tag: "GroupRefused", code: 403 })
      expect(yield* groups.all).toEqual([])
    }).pipe(Effect.provide(world())), 30_000)

  it("all that can change is read, and of what is not known only that it happened", () => {
    const author = { jid: `${BUDI}@s.whatsapp.net`, lid: "5@lid", phone: BUDI }
    const settings = (change: Parameters<typeof factOf>[0]) => {
      const fact = factOf(change)
      return fact?._tag === "Changed" ? fact.settings : fact
    }
    expect(settings({ tag: "subject", attrs: { subject: "Toko" } })).toEqual({ name: "Toko" })
    expect(settings({ tag: "description", attrs: { id: "1" }, content: [{ tag: "delete", attrs: {} }] })).toEqual({ description: null })
    expect(settings({ tag: "description", content: [{ tag: "body", attrs: {}, content: Buffer.from("Buka") }] })).toEqual({ description: "Buka" })
    expect(settings({ tag: "announcement" })).toEqual({ announcement: true })
    expect(settings({ tag: "not_announcement" })).toEqual({ announcement: false })
    expect(settings({ tag: "locked" })).toEqual({ locked: true })
    expect(settings({ tag: "unlocked" })).toEqual({ locked: false })
    expect(settings({ tag: "ephemeral", attrs: { expiration: "86400" } })).toEqual({ ephemeralSeconds: 86_400 })
    expect(settings({ tag: "not_ephemeral" })).toEqual({ ephemeralSeconds: 0 })
    expect(settings({ tag: "member_add_mode", content: Buffer.from("admin_add") })).toEqual({ memberAddMode: "admins" })
    expect(settings({ tag: "membership_approval_mode", content: [{ tag: "group_join", attrs: { state: "off" } }] })).toEqual({ joinApproval: false })
    expect(factOf({ tag: "remove", content: [{ tag: "participant", attrs: { jid: "900001@lid" } }] })).toMatchObject({ action: "remove", includesMe: true, author })
    expect(factOf({ tag: "add", content: [{ tag: "participant", attrs: { jid: "7@lid", phone_number: "6281700000000@s.whatsapp.net" } }] })).toMatchObject({
      participants: [{ jid: "6281700000000@s.whatsapp.net", lid: "7@lid", phone: "6281700000000" }], includesMe: false
    })
    expect(factOf({ tag: "set", attrs: { author: "5@lid" } }, "picture")).toMatchObject({ _tag: "Picture", author: { lid: "5@lid" } })
    expect(factOf({ tag: "delete" })?._tag).toBe("Gone")
    expect(factOf({ tag: "invite", attrs: { code: "x" } })).toBeUndefined()
    expect(factOf({ tag: "suspended" })?._tag).toBe("Stale")
    expect(changesGroups({ tag: "ib", attrs: {}, content: [{ tag: "dirty", attrs: { type: "groups" } }] })).toBe(true)
    expect(changesGroups({ tag: "ib", attrs: {}, content: [{ tag: "dirty", attrs: { type: "account_sync" } }] })).toBe(false)
  })
})
