import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { DateTime, Effect, Runtime } from "effect"
import fc from "fast-check"
import { randomBytes } from "node:crypto"
import { expect } from "vitest"
import type { ContactFact } from "../../src/domain/Contact.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import { Inbound, type Origin } from "../../src/domain/Inbound.ts"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import type { MessageChange } from "../../src/domain/MessageChange.ts"
import { plainText, SendRequest } from "../../src/domain/OutgoingContent.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { snapshot } from "../support/fakeGroups.ts"
import { encryptVote } from "../support/pollVote.ts"
import { ani, budi, direct, eventsOf, inGroup, lid, makeDevice, text, time, unreadable, world } from "./world.ts"

const group = "120363000000000001@g.us"
const myNumber = phoneJid("6281200000000")
const id = (value: string) => MessageId.make(value)

const changing = (origin: Origin, changeId: string, target: string, author: "me" | "peer" | ContactFact, change: MessageChange, at = 1000) =>
  Inbound.Changed({
    origin,
    messageId: id(changeId),
    target: { messageId: id(target), author },
    change,
    at: time(at),
    timestamp: time(at),
    me: [myNumber]
  })
const edit = (value: string): MessageChange => ({ _tag: "Edit", text: value, mentions: [] })
const reaction = (emoji: string | null): MessageChange => ({ _tag: "Reaction", emoji })
const deletion: MessageChange = { _tag: "Delete" }

const vote = (poll: string, secret: Uint8Array, creator: string, voter: string, options: ReadonlyArray<string>): MessageChange => {
  const { encIv, encPayload } = encryptVote({ id: poll, secret, creator }, voter, options)
  return { _tag: "Vote", payload: encPayload, iv: encIv, voters: [], creators: [] }
}

const get = (deviceId: DeviceId, messageId: string) => Effect.flatMap(Messages, (messages) => messages.get(deviceId, id(messageId)))
const told = (deviceId: DeviceId, type: string) =>
  Effect.map(eventsOf(deviceId), (events) => events.filter((event) => event.type === type).map(({ data }) => data))

/** A message and what happens to it. */
const facts = (target: string, withDeletion: boolean): ReadonlyArray<Inbound> => {
  const [peer, own] = [direct({ phone: ani }), direct({ phone: ani }, true)]
  return [
    text(peer, target, "first"),
    changing(peer, `E1-${target}`, target, "peer", edit("second"), 2000),
    changing(peer, `E2-${target}`, target, "peer", { _tag: "Edit", text: "third", mentions: ["1@lid"] }, 3000),
    changing(peer, `R1-${target}`, target, "peer", reaction("👍"), 2000),
    changing(peer, `R2-${target}`, target, "peer", reaction("❤️"), 2500),
    changing(peer, `R3-${target}`, target, "peer", reaction(null), 2500),
    changing(own, `R4-${target}`, target, "peer", reaction("🙏"), 2500),
    ...(withDeletion ? [changing(peer, `D1-${target}`, target, "peer", deletion, 2600)] : [])
  ]
}

describeDatabases("MessageChanges", (database) => {
  it.layer(world(database))((it) => {
    it.effect("an edit, a reaction and a deletion are seen in the message, and told", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const origin = direct({ phone: ani, lid: lid("111") })
        yield* record(deviceId, [text(origin, "A1", "halo")])
        yield* record(deviceId, [changing(origin, "E1", "A1", "peer", edit("halo juga"), 2000)])
        expect(yield* get(deviceId, "A1")).toMatchObject({ content: "halo juga", editedAt: time(2000), messageType: "text" })
        expect(yield* told(deviceId, "message.edited")).toEqual([{
          messageId: "A1", changeId: "E1", from: ani, fromMe: false, participant: null, content: "halo juga",
          chat: { jid: phoneJid(ani), lid: lid("111"), phone: ani }, people: [{ jid: phoneJid(ani), lid: lid("111"), phone: ani }], timestamp: "1970-01-01T00:00:02.000Z"
        }])
        yield* record(deviceId, [changing(origin, "R1", "A1", "peer", reaction("👍"), 2100)])
        yield* record(deviceId, [changing(direct({ phone: ani }, true), "R2", "A1", "peer", reaction("❤️"), 2200)])
        expect((yield* get(deviceId, "A1")).reactions).toEqual([
          { emoji: "👍", from: ani, fromMe: false, at: time(2100) },
          { emoji: "❤️", from: null, fromMe: true, at: time(2200) }
        ])
        yield* record(deviceId, [changing(origin, "R3", "A1", "peer", reaction(null), 2300)])
        expect((yield* get(deviceId, "A1")).reactions).toHaveLength(1)
        expect((yield* told(deviceId, "message.reaction")).map(({ emoji }) => emoji)).toEqual(["👍", "❤️", null])
        yield* record(deviceId, [changing(origin, "D1", "A1", "peer", deletion, 2400)])
        expect(yield* get(deviceId, "A1")).toMatchObject({ content: null, deletedAt: time(2400), editedAt: null, reactions: [] })
        const sql = yield* SqlClient.SqlClient
        expect(yield* sql`SELECT payload FROM messages WHERE device_id = ${deviceId}`).toEqual([{ payload: null }])
        expect(yield* told(deviceId, "message.deleted")).toMatchObject([{ messageId: "A1", changeId: "D1", fromMe: false }])
      }))

    it.effect("what comes before its message waits for it", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { history, record } = yield* Messages
        const origin = direct({ phone: ani })
        yield* record(deviceId, [
          changing(origin, "E1", "A1", "peer", edit("later"), 2000),
          changing(origin, "R1", "A1", "peer", reaction("👍"), 2000),
          changing(origin, "D1", "A2", "peer", deletion, 2000)
        ])
        expect(yield* history(deviceId, { chat: phoneJid(ani), limit: 10 })).toEqual([])
        yield* record(deviceId, [text(origin, "A1", "first"), text(origin, "A2", "gone")])
        expect(yield* get(deviceId, "A1")).toMatchObject({ content: "later", reactions: [{ emoji: "👍" }] })
        expect(yield* get(deviceId, "A2")).toMatchObject({ content: null, deletedAt: time(2000) })
      }))

    it.effect("an edit of a message that could not be read yet counts once it can", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const origin = direct({ phone: ani })
        yield* record(deviceId, [unreadable(origin, "A1"), changing(origin, "E1", "A1", "peer", edit("later"), 2000)])
        expect(yield* get(deviceId, "A1")).toMatchObject({ messageType: "undecryptable", content: null })
        yield* record(deviceId, [text(origin, "A1", "first")])
        expect(yield* get(deviceId, "A1")).toMatchObject({ messageType: "text", content: "later", editedAt: time(2000) })
      }))

    it.effect("nobody changes what another one wrote: not in the same group, not in another chat", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        yield* record(deviceId, [
          text(inGroup(group, { phone: ani }), "G1", "by ani"),
          text(direct({ phone: ani }), "A1", "by ani"),
          changing(inGroup(group, { phone: budi }), "E1", "G1", { phone: budi }, edit("by budi")),
          changing(direct({ phone: budi }), "E2", "A1", "peer", edit("by budi"))
        ])
        expect((yield* get(deviceId, "G1")).content).toBe("by ani")
        expect((yield* get(deviceId, "A1")).content).toBe("by ani")
      }))

    it.effect("in a group everybody has a reaction of his own", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        yield* record(deviceId, [
          text(inGroup(group, { phone: ani }), "G1", "halo"),
          changing(inGroup(group, { phone: budi }), "R1", "G1", { phone: ani }, reaction("👍"), 1),
          changing(inGroup(group, { phone: ani }), "R2", "G1", { phone: ani }, reaction("🙏"), 2)
        ])
        expect((yield* get(deviceId, "G1")).reactions.map(({ emoji, from }) => [from, emoji])).toEqual([[budi, "👍"], [ani, "🙏"]])
        expect((yield* told(deviceId, "message.reaction")).map(({ participant }) => participant)).toMatchObject([{ phone: budi }, { phone: ani }])
      }))

    it.effect("any order of edits, reactions, deletions and repetitions leaves the same message", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const runtime = yield* Effect.runtime<Messages>()
        const final = Effect.fnUntraced(function*(target: string) {
          const { content, deletedAt, editedAt, messageType, metadata, reactions } = yield* get(deviceId, target)
          return { content, deletedAt, editedAt, messageType, metadata, reactions }
        })
        let run = 0
        const inOrder = Effect.fnUntraced(function*(order: ReadonlyArray<number>, cut: number, withDeletion: boolean) {
          const target = `T${++run}`
          const all = facts(target, withDeletion)
          const chosen = order.filter((index) => index < all.length).map((index) => all[index]!)
          // each at least once, and what the order repeats again
          const sequence = [...chosen, ...all.filter((fact) => !chosen.includes(fact))]
          yield* record(deviceId, sequence.slice(0, cut))
          yield* record(deviceId, sequence.slice(cut))
          return yield* final(target)
        })
        const straight = { deleted: yield* inOrder([], 3, true), kept: yield* inOrder([], 3, false) }
        expect(straight.kept).toMatchObject({ content: "third", editedAt: time(3000), metadata: { mentions: ["1@lid"] }, reactions: [{ emoji: "🙏" }] })
        expect(straight.deleted).toMatchObject({ content: null, deletedAt: time(2600), reactions: [] })
        const orders = fc.array(fc.nat(7), { minLength: 4, maxLength: 16 })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(orders, fc.nat(8), fc.boolean(), async (order, cut, withDeletion) => {
              const result = await Runtime.runPromise(runtime)(inOrder(order, cut, withDeletion))
              expect(result).toEqual(withDeletion ? straight.deleted : straight.kept)
            }),
            { numRuns: 40 }
          )
        )
      }), 60_000)

    it.effect("a change waits also under the other address of the same person", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const contacts = yield* Contacts
        yield* record(deviceId, [
          text(direct({ phone: ani }), "A1", "first"),
          changing(direct({ lid: lid("111") }), "E1", "A1", "peer", edit("second"), 2000)
        ])
        expect((yield* get(deviceId, "A1")).content).toBe("first")
        yield* contacts.upsert(deviceId, [{ phone: ani, lid: lid("111") }])
        expect((yield* get(deviceId, "A1")).content).toBe("second")
      }))

    it.effect("votes are read and counted, a new one replaces the old, and those before the poll wait", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const secret = randomBytes(32)
        const poll = { ...text(direct({ phone: ani }), "P1", "Jam?"), messageType: "poll" as const, metadata: { poll: { options: ["7", "8"], selectable: 1 } }, secrets: { messageSecret: secret } }
        // by LID: which of his addresses the voter took only trying tells
        const early = vote("P1", secret, lid("111"), lid("111"), ["7"])
        yield* record(deviceId, [changing(direct({ phone: ani, lid: lid("111") }), "V1", "P1", "peer", early, 10)])
        expect(yield* told(deviceId, "message.vote")).toEqual([])
        yield* record(deviceId, [poll])
        expect(yield* told(deviceId, "message.vote")).toMatchObject([{ messageId: "P1", from: ani, options: ["7"] }])
        yield* record(deviceId, [
          changing(direct({ phone: ani }), "V2", "P1", "peer", vote("P1", secret, phoneJid(ani), phoneJid(ani), ["8"]), 20),
          changing(direct({ phone: ani }, true), "V3", "P1", "peer", vote("P1", secret, phoneJid(ani), myNumber, ["8"]), 30)
        ])
        expect((yield* get(deviceId, "P1")).votes).toEqual([
          { option: "7", voters: [] },
          { option: "8", voters: [{ from: ani, fromMe: false }, { from: null, fromMe: true }] }
        ])
        yield* record(deviceId, [changing(direct({ phone: ani }), "V4", "P1", "peer", vote("P1", randomBytes(32), phoneJid(ani), phoneJid(ani), ["7"]), 40)])
        expect(yield* told(deviceId, "message.vote")).toHaveLength(3)
      }))

    it.effect("what we change is changed with the ack, once, whatever proves that it went out", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        const { message } = yield* outbox.accept({ deviceId, request: plainText(phoneJid(ani), "first") })
        yield* outbox.sent(deviceId, [{ row: (yield* outbox.due(deviceId, 1))[0]!, at: yield* DateTime.now }])
        const request = SendRequest.Edit({ target: message.messageId, text: "second", mentions: [] })
        const { message: change } = yield* outbox.accept({ deviceId, request })
        expect(change).toMatchObject({ messageType: "edit", status: "pending", chat: { phone: ani }, toNumber: ani })
        expect((yield* get(deviceId, message.messageId)).content).toBe("first")
        const [row] = yield* outbox.due(deviceId, 1)
        expect(row).toMatchObject({ messageId: change.messageId, phone: ani })
        yield* outbox.sent(deviceId, [{ row: row!, at: time(5000) }])
        expect(yield* get(deviceId, message.messageId)).toMatchObject({ content: "second", status: "sent" })
        yield* outbox.sent(deviceId, [{ row: row!, at: time(6000) }])
        // and our phone's copy of it
        yield* record(deviceId, [changing(direct({ phone: ani }, true), change.messageId, message.messageId, "me", edit("second"), 7000)])
        expect(yield* told(deviceId, "message.edited")).toHaveLength(1)

        const { message: heart } = yield* outbox.accept({ deviceId, request: SendRequest.Reaction({ target: message.messageId, emoji: "❤️" }) })
        yield* record(deviceId, [changing(direct({ phone: ani }, true), heart.messageId, message.messageId, "me", reaction("❤️"), 8000)])
        expect(yield* get(deviceId, heart.messageId)).toMatchObject({ status: "sent" })
        expect(yield* get(deviceId, message.messageId)).toMatchObject({ reactions: [{ emoji: "❤️", fromMe: true }] })
        expect(yield* outbox.due(deviceId, 5)).toEqual([])
        expect(yield* told(deviceId, "message.reaction")).toHaveLength(1)
        yield* outbox.accept({ deviceId, request: SendRequest.Delete({ target: message.messageId, ofOthers: false }) })
        yield* outbox.sent(deviceId, (yield* outbox.due(deviceId, 1)).map((row) => ({ row, at: time(9000) })))
        const sql = yield* SqlClient.SqlClient
        expect(yield* sql`SELECT content, payload, outgoing FROM messages WHERE device_id = ${deviceId} AND message_id = ${message.messageId}`)
          .toEqual([{ content: null, payload: null, outgoing: null }])
        // a chat shows messages, not what changes them
        const shown = yield* (yield* Messages).history(deviceId, { chat: phoneJid(ani), limit: 10 })
        expect(shown.map(({ messageId }) => messageId)).toEqual([message.messageId])
      }))

    it.effect("a reaction to ours under an address that nobody knew yet is found by the id", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "first" })
        yield* record(deviceId, [changing(direct({ lid: lid("111") }), "R1", message.messageId, "me", reaction("👍"))])
        expect((yield* get(deviceId, message.messageId)).reactions).toMatchObject([{ emoji: "👍", from: lid("111") }])
      }))

    it.effect("a failed change changes nothing", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "first" })
        yield* outbox.sent(deviceId, [{ row: (yield* outbox.due(deviceId, 1))[0]!, at: yield* DateTime.now }])
        yield* outbox.accept({ deviceId, request: SendRequest.Delete({ target: message.messageId, ofOthers: false }) })
        yield* outbox.failed(deviceId, (yield* outbox.due(deviceId, 1))[0]!, { code: "RATE_LIMITED", text: "no", whatsapp: 429 })
        expect(yield* get(deviceId, message.messageId)).toMatchObject({ content: "first", deletedAt: null })
      }))

    it.effect("what was changed before the phone's history brought it is changed when it comes", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record, recordHistory } = yield* Messages
        const peer = direct({ phone: ani })
        const secret = randomBytes(32)
        const remembered = (messageId: string) => ({ fact: text(peer, messageId, "first") as Extract<Inbound, { readonly _tag: "Message" }>, status: "read" as const })
        const poll = remembered("P1")
        yield* record(deviceId, [
          changing(peer, "E1", "A1", "peer", edit("second"), 2000),
          changing(peer, "D1", "A2", "peer", deletion, 2000),
          changing(peer, "V1", "P1", "peer", vote("P1", secret, phoneJid(ani), phoneJid(ani), ["7"]), 2000)
        ])
        const messages = [
          remembered("A1"),
          remembered("A2"),
          { ...poll, fact: { ...poll.fact, messageType: "poll" as const, metadata: { poll: { options: ["7", "8"], selectable: 1 } }, secrets: { messageSecret: secret } } }
        ]
        const part = { contacts: [], groups: [], messages }
        expect(yield* recordHistory(deviceId, part)).toBe(3)
        expect(yield* get(deviceId, "A1")).toMatchObject({ content: "second", editedAt: time(2000), historical: true })
        expect(yield* get(deviceId, "A2")).toMatchObject({ content: null, deletedAt: time(2000), historical: true })
        expect((yield* get(deviceId, "P1")).votes).toMatchObject([{ option: "7", voters: [{ from: ani }] }, { option: "8", voters: [] }])
        // the vote is news that could not be read before
        expect(yield* told(deviceId, "message.vote")).toMatchObject([{ messageId: "P1", options: ["7"] }])
        expect(yield* recordHistory(deviceId, part)).toBe(0)
        expect(yield* told(deviceId, "message.vote")).toHaveLength(1)
        // the phone's copy is not what counts, also if WhatsApp delivers the message after all
        yield* record(deviceId, [text(peer, "A1", "first"), text(peer, "A2", "first")])
        expect(yield* get(deviceId, "A1")).toMatchObject({ content: "second", historical: false })
        expect(yield* get(deviceId, "A2")).toMatchObject({ content: null, deletedAt: time(2000), historical: false })
      }))

    it.effect("several changes that are acknowledged together are all made", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        yield* record(deviceId, [text(direct({ phone: ani }), "A1", "x"), text(direct({ phone: budi }), "B1", "x")])
        for (const target of ["A1", "B1"]) yield* outbox.accept({ deviceId, request: SendRequest.Reaction({ target: id(target), emoji: "👍" }) })
        const rows = yield* outbox.due(deviceId, 5)
        yield* outbox.sent(deviceId, rows.map((row) => ({ row, at: time(5000) })))
        for (const target of ["A1", "B1"]) expect((yield* get(deviceId, target)).reactions).toMatchObject([{ emoji: "👍", fromMe: true }])
        expect(yield* told(deviceId, "message.reaction")).toHaveLength(2)
      }))

    it.effect("what cannot be changed is refused before it is stored", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        const old = now - 16 * 60_000
        yield* record(deviceId, [
          text(direct({ phone: ani }), "IN", "theirs", now),
          text(direct({ phone: ani }, true), "OLD", "mine", old),
          text(direct({ phone: ani }, true), "OLDER", "mine", now - 61 * 3_600_000),
          { ...text(direct({ phone: ani }, true), "PLACE", "there", now), messageType: "location" as const },
          { ...text(direct({ phone: ani }), "WHAT", "?", now), messageType: "unknown" as const },
          { ...text(direct({ phone: ani }), "ONCE", "?", now), messageType: "image" as const, metadata: { viewOnce: true } }
        ])
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "x" })
        yield* outbox.failed(deviceId, (yield* outbox.due(deviceId, 1))[0]!, { code: "RATE_LIMITED", text: "no", whatsapp: 429 })
        const refused = (request: SendRequest) =>
          Effect.map(Effect.flip(outbox.accept({ deviceId, request })), (error) => "reason" in error ? error.reason : error._tag)
        const rewrite = (target: string) => SendRequest.Edit({ target: id(target), text: "y", mentions: [] })
        expect(yield* refused(rewrite("IN"))).toBe("not_ours")
        expect(yield* refused(rewrite("OLD"))).toBe("too_old")
        expect(yield* refused(rewrite("PLACE"))).toBe("not_text")
        expect(yield* refused(rewrite(message.messageId))).toBe("not_sent")
        expect(yield* refused(rewrite("NONE"))).toBe("MessageNotFound")
        expect(yield* refused(SendRequest.Delete({ target: id("IN"), ofOthers: false }))).toBe("not_ours")
        expect(yield* refused(SendRequest.Delete({ target: id("OLDER"), ofOthers: false }))).toBe("too_old")
        expect(yield* refused(SendRequest.Forward({ to: phoneJid(budi), source: id("WHAT") }))).toBe("not_forwardable")
        expect(yield* refused(SendRequest.Forward({ to: phoneJid(budi), source: id("ONCE") }))).toBe("not_forwardable")
        const quoting = (to: Jid) => SendRequest.New({ to, content: { _tag: "Text", text: "x", mentions: [], preview: null }, quoted: id("IN") })
        // what one person wrote is not shown to another
        expect(yield* refused(quoting(phoneJid(budi)))).toBe("MessageNotFound")
        expect(yield* outbox.due(deviceId, 5)).toEqual([])
        const { message: answer } = yield* outbox.accept({ deviceId, request: quoting(phoneJid(ani)) })
        expect(answer.metadata).toEqual({ quoted: "IN" })
      }))

    it.effect("in a group others' messages are deleted for who may manage it, and edited by nobody", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        yield* record(deviceId, [
          text(inGroup(group, { phone: budi }), "G1", "theirs", now),
          text(inGroup(group, { phone: budi }), "G2", "theirs", now - 61 * 3_600_000),
          text(direct({ phone: ani }), "A1", "theirs", now)
        ])
        const { record: tellGroup } = yield* Groups
        const roleIs = (ownRole: "member" | "admin") =>
          tellGroup(deviceId, [GroupFact.Whole({ group: { ...snapshot(Jid.make(group), "Toko"), ownRole }, author: null })])
        const remove = (target: string, ofOthers: boolean) => outbox.accept({ deviceId, request: SendRequest.Delete({ target: id(target), ofOthers }) })
        expect(yield* Effect.flip(remove("G1", false))).toMatchObject({ _tag: "Forbidden" })
        expect(yield* outbox.due(deviceId, 5)).toEqual([])
        expect(yield* Effect.flip(remove("G2", true))).toMatchObject({ reason: "too_old" })
        expect(yield* Effect.flip(remove("A1", true))).toMatchObject({ reason: "not_ours" })
        const request = SendRequest.Edit({ target: id("G1"), text: "mine", mentions: [] })
        expect(yield* Effect.flip(outbox.accept({ deviceId, request }))).toMatchObject({ reason: "not_ours" })
        yield* roleIs("member")
        expect(yield* Effect.flip(remove("G1", true))).toMatchObject({ reason: "not_ours" })
        yield* roleIs("admin")
        expect((yield* remove("G1", true)).message).toMatchObject({ messageType: "delete", status: "pending" })
      }))

    it.effect("a repeated call is answered as the first, though its target has gone since", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        const outbox = yield* Outbox
        yield* record(deviceId, [text(direct({ phone: ani }), "A1", "halo")])
        const call = { deviceId, request: SendRequest.Reaction({ target: id("A1"), emoji: "👍" }), idempotencyKey: "k", requestHash: "h" }
        const first = yield* outbox.accept(call)
        yield* record(deviceId, [changing(direct({ phone: ani }), "D1", "A1", "peer", deletion)])
        const second = yield* outbox.accept(call)
        expect([second.replayed, second.message.messageId]).toEqual([true, first.message.messageId])
      }))

    it.effect("reactions of people that turn out to be one do not stay two", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const { record } = yield* Messages
        yield* record(deviceId, [
          text(inGroup(group, { phone: budi }), "G1", "halo"),
          changing(inGroup(group, { phone: ani }), "R1", "G1", { phone: budi }, reaction("👍"), 1),
          changing(inGroup(group, { lid: lid("111") }), "R2", "G1", { phone: budi }, reaction("❤️"), 2)
        ])
        expect((yield* get(deviceId, "G1")).reactions).toHaveLength(2)
        yield* record(deviceId, [changing(inGroup(group, { phone: ani, lid: lid("111") }), "R3", "G1", { phone: budi }, reaction("🙏"), 3)])
        expect((yield* get(deviceId, "G1")).reactions.map(({ emoji }) => emoji)).toEqual(["🙏"])
      }))
  })
})
