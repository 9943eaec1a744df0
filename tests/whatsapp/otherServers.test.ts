// What another server of the protocol may do otherwise than ours. With each of them a device is linked, logs in, sends and
// receives; nothing that a server leaves out keeps it from that for long.
import { describe, expect, it } from "@effect/vitest"
import { type BinaryNode, proto } from "@whiskeysockets/baileys"
import { Effect, Fiber, Option, Queue, TestClock } from "effect"
import { setTimeout } from "node:timers/promises"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import type { Dialect } from "../../src/emulator/Dialect.ts"
import type { EmulatorOptions } from "../../src/emulator/EmulatorOptions.ts"
import type { Fault } from "../../src/emulator/Faults.ts"
import { children, node } from "../../src/emulator/protocol/node.ts"
import type { JournalEntry } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { WhatsApp } from "../../src/whatsapp/WhatsApp.ts"
import { genuineChain } from "./support/genuineChain.ts"
import { makeDevice, next, openOnline, openOptions, pair, peer, pendingUntil, phone, Server, world } from "./support/world.ts"

const first = (stanza: BinaryNode) => children(stanza)[0]?.tag
const without = (stanza: BinaryNode, ...names: ReadonlyArray<string>): BinaryNode => ({
  ...stanza,
  attrs: Object.fromEntries(Object.entries(stanza.attrs).filter(([name]) => !names.includes(name)))
})

/** A stanza without the nodes and the attributes of this name, in all its depth. */
const strip = (stanza: BinaryNode, name: string): BinaryNode => {
  const bare = without(stanza, name)
  return Array.isArray(bare.content)
    ? { ...bare, content: bare.content.filter(({ tag }) => tag !== name).map((child) => strip(child, name)) }
    : bare
}

interface Way {
  readonly dialect?: Dialect
  readonly options?: EmulatorOptions
  readonly faults?: ReadonlyArray<Fault>
}
const rewriting = (rewrite: NonNullable<Dialect["rewrite"]>): Way => ({ dialect: { rewrite } })
const dropping = (drop: (stanza: BinaryNode) => boolean): Way => rewriting((stanza) => (drop(stanza) ? [] : [stanza]))
const ib = (stanza: BinaryNode, ...tags: ReadonlyArray<string>) => stanza.tag === "ib" && tags.includes(first(stanza) ?? "")

/** Namespaces that a client can do without. */
const niceToHave = ["abt", "blocklist", "privacy", "w:mex", "w:stats", "w:m", "disappearing_mode", "urn:xmpp:whatsapp:dirty", "urn:xmpp:whatsapp:push"]
const ways: Record<string, Way> = {
  "deflates every stanza": { dialect: { compressed: true } },
  "sends many frames in one WebSocket message": { dialect: { batched: true } },
  "shows one QR code": { options: { qr: { count: 1 } } },
  "shows a dozen QR codes": { options: { qr: { count: 12 } } },
  "tells the end of the queue before the login is complete": rewriting((stanza) =>
    stanza.tag === "success" ? [stanza, node("ib", {}, [node("offline", { count: "0" })])] : ib(stanza, "offline") ? [] : [stanza]
  ),
  "ends a linking without saying why": dropping(({ tag }) => tag === "stream:error" || tag === "xmlstreamend"),
  "says hello to nobody: no routing, no account_sync": dropping((stanza) => ib(stanza, "edge_routing", "dirty")),
  "says success with nothing else": rewriting((stanza) => [stanza.tag === "success" ? node("success", {}) : stanza]),
  "says success twice": rewriting((stanza) => (stanza.tag === "success" ? [stanza, stanza] : [stanza])),
  "knows no LID": rewriting((stanza) => [strip(stanza, "lid")]),
  "addresses by LID": { options: { addressing: "lid" } },
  "sends what nobody knows": rewriting((stanza) =>
    stanza.tag === "success"
      ? [
        node("weather", { today: "rain" }),
        stanza,
        node("notification", { id: "n1", from: "s.whatsapp.net", type: "horoscope", t: "1" }, [node("stars", {})]),
        node("ib", {}, [node("novelty", {})])
      ]
      : [stanza]
  ),
  "acks without time, sender and addressee": rewriting((stanza) => [
    stanza.tag === "ack" ? without(stanza, "t", "from", "recipient", "participant") : stanza
  ]),
  "answers without a sender": rewriting((stanza) => [stanza.tag === "iq" ? without(stanza, "from", "t") : stanza]),
  "gives receipts in lists": rewriting((stanza) => [
    stanza.tag === "receipt" && stanza.attrs["type"] !== "retry"
      ? { ...stanza, content: [node("list", {}, [node("item", { id: stanza.attrs["id"] ?? "" })])] }
      : stanza
  ]),
  "refuses what it can be done without": { faults: niceToHave.map((xmlns) => ({ kind: "iq-error", xmlns, code: 501 })) },
  "is silent about what it can be done without": { faults: niceToHave.map((xmlns) => ({ kind: "iq-silence", xmlns })) },
  "refuses the questions of a login": {
    faults: [
      { kind: "iq-error", xmlns: "encrypt", tag: "count", code: 501 },
      { kind: "iq-error", xmlns: "encrypt", tag: "digest", code: 501 }
    ]
  },
  "refuses pings": { faults: [{ kind: "iq-error", xmlns: "w:p", code: 501 }] }
}

const texts = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Message" ? [fact.content] : []))
const delivered = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Receipt" && fact.status === "delivered" ? fact.messageIds : []))
const messageId = MessageId.make("3EB0000000000000000001")

/** Links, logs in, sends and receives. Leaves the connection open. */
const worksWith = Effect.fnUntraced(function*() {
  const server = yield* Server
  const whatsApp = yield* WhatsApp
  const budi = server.phone(peer)
  yield* makeDevice()
  yield* Effect.scoped(Effect.gen(function*() {
    const pairing = yield* whatsApp.open(openOptions({ pairing: true }))
    const { qr } = yield* next(pairing, "Qr")
    yield* Effect.promise(() => server.phone(phone).scan(qr))
    yield* next(pairing, "Closed")
  }))
  const connection = yield* whatsApp.open(openOptions())
  const opened = yield* next(connection, "Open")
  yield* connection.probe
  expect([...(yield* Queue.takeAll(connection.events))].map(({ _tag }) => _tag)).not.toContain("Open")
  yield* connection.send(phoneJid(peer), messageId, encodeText("to you"))
  yield* Effect.promise(() => budi.waitForMessage(({ text }) => text === "to you"))
  yield* Effect.promise(() => budi.send(phone, "to me"))
  yield* pendingUntil(connection, (entries) => texts(entries).includes("to me") && delivered(entries).includes(messageId))
  expect(server.undecryptable).toEqual([])
  return opened
})

/** Lets virtual time go by while real traffic is under way; how many seconds it took. */
const secondsUntil = Effect.fnUntraced(function*(done: Effect.Effect<boolean>) {
  let seconds = 0
  while (!(yield* done) && seconds < 300) {
    yield* TestClock.adjust("1 second")
    yield* Effect.promise(() => setTimeout(10))
    seconds++
  }
  return seconds
})
const ended = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isSome)
const secondsOf = (seconds: number) => Effect.flatMap(Effect.sync(() => ({ left: seconds })), (count) => secondsUntil(Effect.sync(() => count.left-- <= 0)))

/** The answers to the first questions after the login are lost. */
const losing = (answers: number): EmulatorOptions => {
  let left = 0
  const rewrite = (stanza: BinaryNode) => {
    if (stanza.tag === "success") left = answers
    else if (stanza.tag === "iq" && left-- > 0) return []
    return [stanza]
  }
  return { dialect: { rewrite } }
}

describe("a server that", () => {
  it.scopedLive.each(Object.entries(ways))("%s", ([, { dialect, faults = [], options }]) =>
    Effect.gen(function*() {
      const server = yield* Server
      for (const fault of faults) server.faults.add(fault)
      const { lid } = yield* worksWith()
      expect(lid).toBe(ways["knows no LID"]?.dialect === dialect ? null : server.phone(phone).lid)
    }).pipe(Effect.scoped, Effect.provide(world({ ...options, ...(dialect ? { dialect } : {}) }))))

  it.scoped.each([1, 2, 3, 4])("leaves %i questions of the login open keeps nobody offline for long", (answers) =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      const connection = yield* whatsApp.open(openOptions())
      const open = yield* Effect.fork(next(connection, "Open"))
      expect(yield* secondsUntil(ended(open))).toBeLessThan(20)
      const keys = server.phone(phone).account.companions[0]
      yield* secondsUntil(Effect.sync(() => (keys?.preKeyIds.length ?? 0) > 0))
      const sending = yield* Effect.fork(connection.send(phoneJid(server.phone(peer).phone), messageId, encodeText("x")))
      expect(yield* secondsUntil(ended(sending))).toBeLessThan(20)
      yield* Fiber.join(sending)
      expect(keys?.preKeyIds.length).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(world(losing(answers)))))

  it.scoped("never says that all has been handed over is left alone", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      yield* pair()
      const connection = yield* whatsApp.open(openOptions())
      yield* next(connection, "Open")
      const drained = yield* Effect.fork(next(connection, "Drained"))
      expect(yield* secondsUntil(ended(drained))).toBeLessThan(15)
      yield* secondsOf(120)
      expect(server.connections).toHaveLength(1)
    }).pipe(Effect.scoped, Effect.provide(world({ dialect: { rewrite: (stanza) => (ib(stanza, "offline") ? [] : [stanza]) } }))))

  it.scoped("answers no pings is asked something else", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      const connection = yield* openOnline()
      server.faults.add({ kind: "iq-silence", xmlns: "w:p" })
      const probe = yield* Effect.fork(connection.probe)
      expect(yield* secondsUntil(ended(probe))).toBeLessThan(10)
      yield* Fiber.join(probe)
      yield* secondsOf(60)
      expect(server.connections).toHaveLength(1)
    }).pipe(Effect.scoped, Effect.provide(world())))

  it.scoped("leaves the stream of a linking open is left", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const whatsApp = yield* WhatsApp
      yield* makeDevice()
      const connection = yield* whatsApp.open(openOptions({ pairing: true }))
      const { qr } = yield* next(connection, "Qr")
      yield* Effect.promise(() => server.phone(phone).scan(qr))
      yield* next(connection, "Paired")
      const closed = yield* Effect.fork(next(connection, "Closed"))
      expect(yield* secondsUntil(ended(closed))).toBeLessThan(20)
      expect((yield* Fiber.join(closed)).reason.action._tag).toBe("Restart")
      yield* openOnline()
    }).pipe(Effect.scoped, Effect.provide(world({ dialect: { lingers: true } }))))

  it.scopedLive("does not encrypt what it delivers is read as well", () =>
    Effect.gen(function*() {
      yield* makeDevice()
      yield* pair()
      const connection = yield* openOnline()
      const entries = yield* pendingUntil(connection, (found) => texts(found).length > 0)
      expect(texts(entries)).toEqual(["in the clear"])
    }).pipe(Effect.scoped, Effect.provide(world({
      dialect: {
        rewrite: (stanza) => {
          if (!ib(stanza, "offline")) return [stanza]
          const attrs = { from: `${peer}@s.whatsapp.net`, id: "M1", t: "1700000000", type: "text", notify: "Budi" }
          const text = Buffer.from(proto.Message.encode({ conversation: "in the clear" }).finish())
          return [node("message", attrs, [node("plaintext", {}, text)]), stanza]
        }
      }
    }))))

  it.scopedLive.each(["", "/", "/somewhere/else?access_token=secret"])("is at ws://host:port%s", (path) =>
    worksWith().pipe(Effect.provide(world({}, undefined, ({ url }) => ({ WA_SOCKET_URL: `ws://${new URL(url).host}${path}` })))))

  describe("cannot prove who it is", () => {
    const chains: ReadonlyArray<readonly [string, EmulatorOptions, ReadonlyArray<Fault>]> = [
      ["signs with a root that nobody knows", {}, [{ kind: "certificate", chain: "foreign-root" }]],
      ["does not sign well", {}, [{ kind: "certificate", chain: "bad-leaf" }]],
      ["shows WhatsApp's own chain", { dialect: { chain: genuineChain } }, []]
    ]
    it.scopedLive.each(chains)("and %s is refused", ([, options, faults]) =>
      Effect.gen(function*() {
        const server = yield* Server
        const whatsApp = yield* WhatsApp
        yield* makeDevice()
        for (const fault of faults) server.faults.add(fault)
        const connection = yield* whatsApp.open(openOptions({ pairing: true }))
        expect((yield* next(connection, "Closed")).reason.reason).toBe("connection_refused")
      }).pipe(Effect.scoped, Effect.provide(world(options))))

    it.scopedLive.each(chains)("and %s is taken where WA_NOISE_ROOT_KEY says so", ([, options, faults]) =>
      Effect.gen(function*() {
        const server = yield* Server
        for (const fault of faults) server.faults.add(fault)
        yield* worksWith()
      }).pipe(Effect.scoped, Effect.provide(world(options, undefined, () => ({ WA_NOISE_ROOT_KEY: "any" })))))
  })
})
