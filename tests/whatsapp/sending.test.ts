import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Either, Exit, Fiber, Option, Queue, Scope, TestClock } from "effect"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { child, children } from "../../src/emulator/protocol/node.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { makeDevice, next, online, openOnline, openOptions, pair, peer, pendingUntil, phone, Server, world } from "./support/world.ts"
import { WhatsApp } from "../../src/whatsapp/WhatsApp.ts"

const to = phoneJid(peer)
const id = (n: number) => MessageId.make(`3EB0${String(n).padStart(18, "0")}`)

describe("sending", () => {
  it.scopedLive("ends with the server's ack, and the text arrives as it was", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      for (let n = 0; n < 5; n++) yield* connection.send(to, id(n), encodeText(`text ${n}`))
      yield* Effect.promise(() => budi.waitForMessage(({ text }) => text === "text 4"))
      expect(budi.inbox.map(({ text }) => text)).toEqual(["text 0", "text 1", "text 2", "text 3", "text 4"])
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("in both directions at once, nothing becomes unreadable", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      budi.autoReply(({ text }) => `re: ${text}`)
      const sends = Array.from({ length: 30 }, (_, n) => connection.send(to, id(n), encodeText(`text ${n}`)))
      yield* Effect.all(sends, { concurrency: 10 })
      yield* Effect.promise(() => budi.waitForMessage(({ id: last }) => last === id(29)))
      expect(budi.inbox).toHaveLength(30)
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("a refusal is a refusal, with WhatsApp's number", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      const connection = yield* online()
      for (const code of [400, 429, 463, 475, 479]) {
        server.faults.add({ kind: "ack-error", code, times: 1 })
        const result = yield* Effect.either(connection.send(to, id(code), encodeText("x")))
        expect(Either.getLeft(result)).toMatchObject(Option.some({ _tag: "SendRefused", code }))
      }
      // after 479 the session and the device list are fetched anew
      yield* connection.send(to, id(1), encodeText("again"))
      yield* Effect.promise(() => server.phone(peer).waitForMessage(({ text }) => text === "again"))
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("what limits the account is asked for", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const own = server.phone(phone)
      expect(yield* connection.restriction(463)).toBeNull()
      expect(yield* connection.restriction(475)).toEqual({ kind: "new_chat_cap", code: 475, until: null })
      own.account.timelock = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60_000)
      const restriction = { kind: "reachout_timelock", code: 463, until: DateTime.unsafeFromDate(own.account.timelock) } as const
      expect(yield* connection.restriction(463)).toEqual(restriction)
      expect((yield* next(connection, "Restricted")).restriction).toBeNull()
      expect((yield* next(connection, "Restricted")).restriction).toEqual(restriction)
    }).pipe(Effect.provide(world())))

  it.scopedLive("what fails since the connection ends has failed for that and nothing else", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const people = Array.from({ length: 40 }, (_, n) => server.phone(`62812000001${String(n).padStart(2, "0")}`).phone)
      const connection = yield* online()
      server.faults.add({ kind: "iq-delay", xmlns: "encrypt", tag: "key", ms: 200 })
      const sends = people.map((person, n) =>
        Effect.delay(Effect.flip(connection.send(phoneJid(person), id(n), encodeText("too late"))), n * 10))
      const sending = yield* Effect.fork(Effect.all(sends, { concurrency: "unbounded" }))
      yield* Effect.sleep("150 millis")
      // what has come before the end is read before it is told
      for (let n = 0; n < 100; n++) void budi.send(phone, `before the end ${n}`)
      server.connectionOf(phone).break("reset")
      const failures = yield* Fiber.join(sending)
      const reasons = failures.map((failure) => failure._tag === "SendNotAttempted" ? failure.reason : failure._tag)
      expect(new Set(reasons)).toEqual(new Set(["offline"]))
    }).pipe(Effect.provide(world())))

  it.scopedLive("a device list that was stale is fetched anew", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      const connection = yield* online()
      // counts the questions for devices, and does no harm
      const questions = server.faults.add({ kind: "iq-delay", xmlns: "usync", ms: 0 })
      yield* connection.send(to, id(1), encodeText("x"))
      const before = questions.hits
      yield* connection.send(to, id(2), encodeText("x"))
      expect(questions.hits).toBe(before)
      server.faults.add({ kind: "ack-phash", times: 1 })
      yield* connection.send(to, id(3), encodeText("x"))
      expect(questions.hits).toBe(before)
      yield* connection.send(to, id(4), encodeText("x"))
      expect(questions.hits).toBeGreaterThan(before)
    }).pipe(Effect.provide(world())))

  it.scopedLive("a refreshed device list leaves a session as it is", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      const types: Array<string | undefined> = []
      server.on("stanza", ({ stanza }) => {
        const copies = children(child(stanza, "participants"), "to")
        const his = copies.find(({ attrs }) => attrs["jid"] === to || attrs["jid"] === budi.lid)
        types.push(child(his, "enc")?.attrs["type"])
      })
      yield* connection.send(to, id(1), encodeText("hello"))
      yield* Effect.promise(() => budi.send(phone, "hello back"))
      yield* pendingUntil(connection, (found) => found.some(({ fact }) => fact._tag === "Message"))
      const fetched = server.faults.add({ kind: "iq-delay", xmlns: "encrypt", tag: "key", ms: 0 })
      for (let n = 2; n < 5; n++) {
        server.faults.add({ kind: "ack-phash", times: 1 })
        yield* connection.send(to, id(n), encodeText("how are you"))
      }
      expect(types).toEqual(["pkmsg", "msg", "msg", "msg"])
      expect(fetched.hits).toBe(0)
      yield* Effect.promise(() => budi.waitForMessage((message) => message.id === id(4)))
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("to a number without devices nothing is written", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const before = server.stats.messagesReceived
      const result = yield* Effect.either(connection.send(phoneJid("6281299999999"), id(1), encodeText("x")))
      expect(Either.getLeft(result)).toMatchObject(Option.some({ _tag: "SendNotAttempted", reason: "no_devices" }))
      expect(server.stats.messagesReceived).toBe(before)
    }).pipe(Effect.provide(world())))

  it.scoped("when the server does not say which devices there are, nothing is written", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      const connection = yield* online()
      server.faults.add({ kind: "iq-silence", xmlns: "usync" })
      const stanzas: Array<unknown> = []
      server.on("stanza", (stanza) => stanzas.push(stanza))
      const sending = yield* Effect.fork(Effect.either(connection.send(to, id(1), encodeText("x"))))
      yield* passing(sending, "19 seconds")
      expect(Either.getLeft(yield* Fiber.join(sending))).toMatchObject(Option.some({ _tag: "SendNotAttempted", reason: "lookup_failed" }))
      expect(stanzas).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scoped("without an ack in time it may be out", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      server.faults.add({ kind: "ack-drop", times: 1 })
      const sending = yield* Effect.fork(Effect.either(connection.send(to, id(1), encodeText("x"))))
      yield* Effect.promise(() => budi.waitForMessage(() => true))
      yield* TestClock.adjust("30 seconds")
      expect(Either.getLeft(yield* Fiber.join(sending))).toMatchObject(Option.some({ _tag: "SendUnacknowledged" }))
    }).pipe(Effect.provide(world())))

  it.scopedLive("a connection cut in place of the ack: sent once more under the same id, shown once", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      yield* makeDevice()
      yield* pair()
      const content = encodeText("once")
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* openOnline()
        server.faults.add({ kind: "ack-close", times: 1 })
        const result = yield* Effect.either(connection.send(to, id(1), content))
        expect(Either.getLeft(result)).toMatchObject(Option.some({ _tag: "SendUnacknowledged" }))
        const { reason } = yield* next(connection, "Closed")
        expect(reason.reason).toBe("connection_lost")
        const late = yield* Effect.either(connection.send(to, id(2), content))
        expect(Either.getLeft(late)).toMatchObject(Option.some({ _tag: "SendNotAttempted", reason: "offline" }))
      }))
      const connection = yield* openOnline()
      yield* connection.send(to, id(1), content)
      expect(budi.inbox.map(({ text }) => text)).toEqual(["once"])
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("the ratchet that cannot be stored is not used", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const sql = yield* SqlClient.SqlClient
      const budi = server.phone(peer)
      const connection = yield* online()
      yield* connection.send(to, id(1), encodeText("before"))
      yield* sql`CREATE TRIGGER full BEFORE INSERT ON auth_state WHEN NEW.type = 'session' BEGIN SELECT RAISE(ABORT, 'disk full'); END`
      yield* sql`CREATE TRIGGER full2 BEFORE UPDATE ON auth_state WHEN NEW.type = 'session' BEGIN SELECT RAISE(ABORT, 'disk full'); END`
      const stanzas: Array<unknown> = []
      server.on("stanza", (stanza) => stanzas.push(stanza))
      const result = yield* Effect.either(connection.send(to, id(2), encodeText("lost")))
      expect(Either.getLeft(result)).toMatchObject(Option.some({ _tag: "SendNotAttempted", reason: "storage" }))
      expect(stanzas).toEqual([])
      yield* next(connection, "Closed")
      yield* sql`DROP TRIGGER full`
      yield* sql`DROP TRIGGER full2`
      const reopened = yield* openOnline()
      yield* reopened.send(to, id(3), encodeText("after"))
      yield* Effect.promise(() => budi.waitForMessage(({ text }) => text === "after"))
      expect(budi.inbox.map(({ text }) => text)).toEqual(["before", "after"])
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world())))

  it.scopedLive("a receiver that asks again gets the stored bytes, whatever address it uses", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      yield* makeDevice()
      yield* pair()
      const asked: Array<string> = []
      const content = encodeText("kept")
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* openOnline()
        server.faults.add({ kind: "ask-retry", times: 1 })
        server.faults.add({ kind: "ack-close", times: 1 })
        yield* Effect.either(connection.send(to, id(1), content))
      }))
      yield* openOnline({
        sentPayload: (messageId) =>
          Effect.sync(() => {
            asked.push(messageId)
            return Option.some(content)
          })
      })
      yield* Effect.promise(() => budi.waitForMessage(({ text }) => text === "kept"))
      expect(asked).toEqual([id(1)])
      expect(server.undecryptable).toEqual([])
    }).pipe(Effect.provide(world({ addressing: "lid" }))))

  it.scopedLive("who is on WhatsApp, with both ids", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      const found = yield* connection.lookup([PhoneNumber.make(peer), PhoneNumber.make("6281299999999")])
      expect(found).toEqual([{ phone: peer, lid: budi.lid }])
    }).pipe(Effect.provide(world())))

  it.scopedLive("closing the scope lets go of sends that wait", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      yield* makeDevice()
      yield* pair()
      const scope = yield* Scope.make()
      const connection = yield* Scope.extend(openOnline(), scope)
      server.faults.add({ kind: "ack-drop" })
      const delivered = server.phone(peer).waitForMessage(() => true)
      const sending = yield* Effect.fork(Effect.either(connection.send(to, id(1), encodeText("x"))))
      yield* Effect.promise(() => delivered)
      yield* Scope.close(scope, Exit.void)
      expect(Either.getLeft(yield* Fiber.join(sending))).toMatchObject(Option.some({ _tag: "SendUnacknowledged" }))
      expect(yield* Queue.takeAll(connection.events)).toBeDefined()
    }).pipe(Effect.provide(world())))

  it.scopedLive("a device that is not paired can do nothing", () =>
    Effect.gen(function*() {
      yield* makeDevice()
      const whatsApp = yield* WhatsApp
      const connection = yield* whatsApp.open(openOptions())
      const { reason } = yield* next(connection, "Closed")
      expect(reason.reason).toBe("not_paired")
      expect(Either.isLeft(yield* Effect.either(connection.send(phoneJid(phone), id(1), encodeText("x"))))).toBe(true)
    }).pipe(Effect.provide(world())))
})

/** Lets virtual time go on while real traffic is under way. */
const passing = (fiber: Fiber.Fiber<unknown>, duration: "19 seconds") =>
  TestClock.adjust(duration).pipe(
    Effect.zipRight(Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))),
    Effect.zipRight(Fiber.poll(fiber)),
    Effect.repeat({ until: Option.isSome })
  )
