import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { bareJid, phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { InboundJournal, type JournalEntry } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { deviceId, makeDevice, next, online, openOnline, pair, peer, pendingUntil, phone, Server, slowDatabase, world } from "./support/world.ts"

const texts = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Message" ? [fact.content] : []))

const Count = Schema.Tuple(Schema.Struct({ n: Schema.Number }))
const rows = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(Effect.flatMap(sql`SELECT count(*) AS n FROM inbound_journal`, Schema.decodeUnknown(Count)), ([{ n }]) => n))

describe("receiving", () => {
  it.scopedLive("a text, with both ids of its writer", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer, "Budi")
      const id = yield* Effect.promise(() => budi.send(phone, "apa kabar"))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === 1)
      const fact = entries.find(({ fact }) => fact._tag === "Message")!.fact
      expect(fact).toMatchObject({
        messageId: id,
        messageType: "text",
        content: "apa kabar",
        offline: false,
        origin: {
          chat: phoneJid(peer),
          fromMe: false,
          peer: { phone: peer, lid: bareJid(budi.lid), pushName: "Budi" }
        }
      })
    }).pipe(Effect.provide(world())))

  it.scopedLive("the same from one who is addressed by LID", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer, "Budi")
      yield* Effect.promise(() => budi.send(phone, "halo"))
      const [entry] = yield* pendingUntil(connection, (found) => texts(found).length === 1)
      expect(entry!.fact).toMatchObject({
        origin: { chat: bareJid(budi.lid), peer: { phone: peer, lid: bareJid(budi.lid) } }
      })
    }).pipe(Effect.provide(world({ addressing: "lid" }))))

  it.scopedLive("what was written while we were away, marked so, and nothing twice", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      yield* Effect.scoped(openOnline())
      const budi = server.phone(peer)
      for (let i = 0; i < 20; i++) yield* Effect.promise(() => budi.send(phone, `m${i}`))
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* openOnline()
        const entries = yield* pendingUntil(connection, (found) => texts(found).length === 20)
        expect(texts(entries)).toEqual(Array.from({ length: 20 }, (_, i) => `m${i}`))
        expect(entries.every(({ fact }) => fact._tag !== "Message" || fact.offline)).toBe(true)
      }))
      // the process has gone down before anyone projected: it is all still there
      const journal = yield* InboundJournal
      expect(texts(yield* journal.pending(deviceId, 100))).toHaveLength(20)
    }).pipe(Effect.provide(world())))

  it.scopedLive("the same ciphertext again is acknowledged from the journal", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* online()
      const journal = yield* InboundJournal
      const budi = server.phone(peer)
      const { deliver, id } = budi.prepare(phone, "sekali")
      const received = () =>
        server.waitFor("receipt", (receipt) => receipt.ids.includes(id) && receipt.type === "inactive")
      const first = received()
      deliver()
      yield* Effect.promise(() => first)
      const again = received()
      deliver()
      yield* Effect.promise(() => again)
      const entries = yield* journal.pending(deviceId, 100)
      expect(texts(entries)).toEqual(["sekali"])
      yield* journal.done(deviceId, entries.map((entry) => entry.id))
      // now its plaintext is gone and only the hash is left
      const count = yield* rows
      const oncemore = received()
      deliver()
      yield* Effect.promise(() => oncemore)
      expect(yield* journal.pending(deviceId, 100)).toEqual([])
      expect(yield* rows).toBe(count)
    }).pipe(Effect.provide(world())))

  it.scopedLive("an unreadable message is a fact, and its repetition another", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer)
      yield* Effect.promise(() => budi.send(phone, "first"))
      yield* pendingUntil(connection, (found) => texts(found).length === 1)
      server.faults.add({ kind: "corrupt", times: 1 })
      const id = yield* Effect.promise(() => budi.send(phone, "second"))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === 2)
      const facts = entries.map(({ fact }) => fact).filter((fact) => fact._tag !== "Internal" && fact._tag !== "Receipt")
      expect(facts.map(({ _tag }) => _tag)).toEqual(["Message", "Undecryptable", "Message"])
      expect(facts[1]).toMatchObject({ messageId: id, origin: { chat: phoneJid(peer) } })
      expect(facts[2]).toMatchObject({ messageId: id, content: "second" })
    }).pipe(Effect.provide(world())))

  it.scopedLive("what waited for us, many messages with a commit", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const sql = yield* SqlClient.SqlClient
      yield* makeDevice()
      yield* pair()
      yield* Effect.scoped(openOnline())
      const budi = server.phone(peer)
      const written = Array.from({ length: 60 }, (_, n) => `m${n}`)
      for (const text of written) yield* Effect.promise(() => budi.send(phone, text))
      const connection = yield* openOnline()
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === written.length)
      expect(texts(entries)).toEqual(written)
      const commits = yield* sql`SELECT DISTINCT created_at FROM inbound_journal WHERE kind = 'message'`
      expect(commits.length).toBeLessThan(written.length / 2)
    }).pipe(Effect.provide(world({}, slowDatabase))))

  it.scopedLive("a message far too large is refused, told, and not asked for again", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer)
      yield* Effect.promise(() => budi.send(phone, "before"))
      const id = yield* Effect.promise(() => budi.send(phone, "x".repeat(1_100_000)))
      const large = yield* Effect.promise(() => budi.send(phone, "y".repeat(900_000)))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === 2)
      const facts = entries.map(({ fact }) => fact).filter((fact) => fact._tag === "Message" || fact._tag === "Undecryptable")
      expect(facts.map(({ messageId }) => messageId).slice(1)).toEqual([id, large])
      expect(facts[1]).toMatchObject({ _tag: "Undecryptable", reason: "the message is larger than 1 MiB" })
      yield* Effect.promise(async () => {
        await expect.poll(() => server.stats.nacks).toBe(1)
      })
      expect(server.stats.retriesAnswered).toBe(0)
    }).pipe(Effect.provide(world())))

  it.scopedLive("receipts, before they are acknowledged", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer)
      const messageId = MessageId.make("3EB0AAAAAAAAAAAAAAAAAA")
      yield* connection.send(phoneJid(peer), messageId, encodeText("halo"))
      yield* Effect.promise(() => budi.waitForMessage(({ id }) => id === messageId))
      budi.read(messageId)
      const statuses = (found: ReadonlyArray<JournalEntry>) =>
        found.flatMap(({ fact }) => (fact._tag === "Receipt" && fact.messageIds.includes(messageId) ? [fact.status] : []))
      const entries = yield* pendingUntil(connection, (found) => statuses(found).includes("read"))
      expect(statuses(entries)).toEqual(expect.arrayContaining(["delivered", "read"]))
    }).pipe(Effect.provide(world())))

  it.scopedLive("what is written on our own phone comes with its destination", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      server.phone(peer)
      yield* Effect.promise(() => server.phone(phone).send(peer, "from the phone"))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === 1)
      expect(entries.find(({ fact }) => fact._tag === "Message")?.fact).toMatchObject({
        content: "from the phone",
        origin: { fromMe: true, chat: phoneJid(peer), peer: { phone: peer } }
      })
    }).pipe(Effect.provide(world())))

  it.scopedLive("nothing is acknowledged that could not be stored", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const sql = yield* SqlClient.SqlClient
      const connection = yield* online()
      yield* sql`CREATE TRIGGER full BEFORE INSERT ON inbound_journal BEGIN SELECT RAISE(ABORT, 'disk full'); END`
      const answers: Array<string> = []
      server.on("receipt", ({ ids, type }) => answers.push(`${type} ${ids.join()}`))
      server.on("ack", ({ id }) => answers.push(`ack ${id}`))
      const id = yield* Effect.promise(() => server.phone(peer).send(phone, "keep it"))
      const { reason } = yield* next(connection, "Closed")
      expect(reason).toMatchObject({ reason: "storage_unavailable", action: { _tag: "Backoff" } })
      expect(answers.filter((answer) => answer.includes(id))).toEqual([])

      yield* sql`DROP TRIGGER full`
      const reopened = yield* openOnline()
      const entries = yield* pendingUntil(reopened, (found) => texts(found).length > 0)
      expect(texts(entries)).toEqual(["keep it"])
    }).pipe(Effect.provide(world())))
})
