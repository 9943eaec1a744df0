// What unmodified Baileys does when the network or WhatsApp's servers are not as they should be, and what ours does then.
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { type BaileysEventMap, type BinaryNode, delay, proto } from "@whiskeysockets/baileys"
import { Effect, Either, Fiber, Option, Redacted, TestClock } from "effect"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { setTimeout } from "node:timers/promises"
import { vi } from "vitest"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { children, node } from "../../src/emulator/protocol/node.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { startCable, startProxy } from "../support/proxy.ts"
import { closed, never, plainOn, soon } from "./support/plain.ts"
import { makeDevice, next, openOnline, pair, peer, phone, Server, world } from "./support/world.ts"

const friend = `${peer}@s.whatsapp.net`
const ping = { tag: "iq", attrs: { to: "@s.whatsapp.net", type: "get", xmlns: "w:p" } }
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

const rewrite = (stanza: BinaryNode) => (stanza.tag === "receipt" ? [] : onMediaServer(stanza))

/** Puts the whole state of a collection, which the server was asked for, on a media server. */
const onMediaServer = (stanza: BinaryNode): ReadonlyArray<BinaryNode> => {
  const [sync] = children(stanza)
  if (stanza.tag !== "iq" || sync?.tag !== "sync") return [stanza]
  const blob = proto.ExternalBlobReference.encode({ mediaKey: Buffer.alloc(32), directPath: "/blob" }).finish()
  const collections = children(sync).map(({ attrs, tag }) => node(tag, attrs, [node("snapshot", {}, Buffer.from(blob))]))
  return [{ ...stanza, content: [{ ...sync, content: collections }] }]
}

describe("plain Baileys", () => {
  let server: EmulatorServer
  beforeEach(async () => {
    server = await startEmulator({ historySync: false, dialect: { rewrite } })
  })
  afterEach(() => server.stop())
  const { open, paired } = plainOn(() => server)

  it("notices a dead network after a minute and a half, and goes on to say that messages are sent", async () => {
    const cable = await startCable(Number(new URL(server.url).port))
    const auth = await paired()
    server.phone(peer)
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] })
    try {
      const sock = await open(auth, { waWebSocketUrl: `ws://127.0.0.1:${cable.port}` })
      const shown = server.phone(peer).waitForMessage(({ text }) => text === "before")
      await sock.sendMessage(friend, { text: "before" })
      await shown
      let over = false
      void closed(sock).then(() => (over = true))
      cable.pull()
      const sent = await sock.sendMessage(friend, { text: "into the void" })
      expect(sent?.key.id).toBeDefined()
      await vi.advanceTimersByTimeAsync(80_000)
      expect(over).toBe(false)
      await vi.advanceTimersByTimeAsync(15_000)
      expect(over).toBe(true)
      expect(server.phone(peer).inbox.map(({ text }) => text)).toEqual(["before"])
    } finally {
      vi.useRealTimers()
      await cable.close()
    }
  })

  it("keeps the timers of questions that were open when it was closed", async () => {
    const auth = await paired()
    const ended = async (questions: number) => {
      const sock = await open(auth)
      server.faults.add({ kind: "iq-silence", xmlns: "w:p" })
      for (let i = 0; i < questions; i++) void sock.query(structuredClone(ping)).catch(() => undefined)
      await sock.sendNode({ tag: "presence", attrs: { type: "unavailable" } })
      const over = closed(sock)
      server.connectionOf(phone).break("stream-end")
      await over
      await soon(new Promise(() => undefined), 200)
      return timers()
    }
    const before = await ended(0)
    expect(await ended(5) - before).toBeGreaterThanOrEqual(5)
  })

  it("tells of an ack by no event, and of a refusal never as an update", async () => {
    server.phone(peer)
    const auth = await paired()
    // else it waits for its history before it tells anything
    auth.creds.accountSyncCounter = 1
    const sock = await open(auth)
    const heard: Array<Partial<BaileysEventMap>> = []
    sock.ev.process((events) => {
      heard.push(events)
    })
    const acknowledged = () => new Promise<string | undefined>((resolve) => {
      sock.ws.once("CB:ack,class:message", ({ attrs }: { readonly attrs: Record<string, string> }) => resolve(attrs["error"]))
    })
    const good = acknowledged()
    const sent = await sock.sendMessage(friend, { text: "good" })
    expect(await good).toBeUndefined()
    server.faults.add({ kind: "ack-error", code: 463, times: 1 })
    const bad = acknowledged()
    const refused = await sock.sendMessage(friend, { text: "refused" })
    expect(await bad).toBe("463")
    await delay(500)
    const of = (id: string | null | undefined) => ({
      updates: heard.flatMap((events) => events["messages.update"] ?? []).filter(({ key }) => key.id === id),
      upserts: heard.flatMap((events) => events["messages.upsert"]?.messages ?? []).filter(({ key }) => key.id === id)
    })
    expect(of(sent?.key.id).updates).toEqual([])
    expect(of(sent?.key.id).upserts.map(({ status }) => status)).toEqual([1])
    expect(of(refused?.key.id).updates).toEqual([])
    expect(of(refused?.key.id).upserts.map(({ status }) => status)).toEqual([0])
    await sock.end(undefined)
  })

  it("sends nothing while a media server is silent, and gives it all the time there is", async () => {
    server.phone(peer)
    const sock = await open(await paired())
    const { promise: asked, resolve } = Promise.withResolvers<RequestInit | undefined>()
    vi.stubGlobal("fetch", (_url: string, init?: RequestInit) => {
      resolve(init)
      return new Promise(() => undefined)
    })
    try {
      void sock.resyncAppState(["regular"], false).catch(() => undefined)
      const init = await asked
      expect([init?.method, init?.signal, Reflect.get(init ?? {}, "dispatcher")]).toEqual(["GET", undefined, undefined])
      expect(await soon(sock.sendMessage(friend, { text: "x" }), 1000)).toBe(never)
    } finally {
      vi.unstubAllGlobals()
      await sock.end(undefined)
    }
  })
})

const proxyFor = (options: Parameters<typeof startProxy>[0] = {}) =>
  Effect.acquireRelease(Effect.promise(() => startProxy(options)), (proxy) => Effect.promise(proxy.close))
const openThrough = Effect.fnUntraced(function*(proxyUrl: string) {
  yield* makeDevice()
  yield* pair()
  return yield* openOnline({ proxyUrl: Redacted.make(proxyUrl) })
})
const id = (n: number) => MessageId.make(`3EB0${String(n).padStart(18, "0")}`)

describe("ours", () => {
  it.scoped("notices a dead network within 20 s, and does not say that a message was sent", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      const proxy = yield* proxyFor()
      const connection = yield* openThrough(proxy.at("http"))
      yield* connection.send(phoneJid(peer), id(1), encodeText("before"))
      proxy.freeze()
      const sending = yield* Effect.fork(Effect.either(connection.send(phoneJid(peer), id(2), encodeText("into the void"))))
      const over = yield* Effect.fork(next(connection, "Closed"))
      yield* TestClock.adjust("17 seconds")
      expect(yield* Fiber.poll(over)).toEqual(Option.none())
      yield* TestClock.adjust("3 seconds")
      expect((yield* Fiber.join(over)).reason.text).toContain("silent")
      expect(Either.getLeft(yield* Fiber.join(sending))).toMatchObject(Option.some({ _tag: "SendUnacknowledged" }))
    }).pipe(Effect.provide(world())))

  it.scopedLive("gives a silent media server 20 s at most, asks it through the proxy of the device, and sends then", () =>
    Effect.gen(function*() {
      const server = yield* Server
      server.phone(peer)
      const silent = createServer().listen(0, "127.0.0.1")
      yield* Effect.promise(() => once(silent, "listening"))
      yield* Effect.addFinalizer(() => Effect.sync(() => silent.close()))
      const { port } = silent.address() as AddressInfo
      const proxy = yield* proxyFor({ route: (host, p) => host === "mmg.whatsapp.net" ? { host: "127.0.0.1", port } : { host, port: p } })
      const connection = yield* openThrough(proxy.at("http"))
      yield* connection.send(phoneJid(peer), id(1), encodeText("before"))
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] })
      // Effect's scheduler has its turns by a timer as well
      const turn = Effect.promise(() => vi.advanceTimersByTimeAsync(1).then(() => setTimeout(1)))
      const turnsUntil = (done: () => boolean) => Effect.repeat(turn, { until: done })
      changed = true
      const probe = yield* Effect.fork(connection.probe)
      yield* turnsUntil(() => proxy.asked.includes("mmg.whatsapp.net:443"))
      const sending = yield* Effect.fork(connection.send(phoneJid(peer), id(2), encodeText("held up")))
      let turns = 0
      yield* turnsUntil(() => turns++ === 50)
      expect(server.stats.messagesReceived).toBe(1)
      yield* Effect.promise(() => vi.advanceTimersByTimeAsync(21_000))
      yield* turnsUntil(() => server.stats.messagesAccepted === 2)
      yield* Fiber.join(probe)
      vi.useRealTimers()
      yield* Fiber.join(sending)
    }).pipe(Effect.provide(world({ dialect: { rewrite: (stanza) => [...onMediaServer(stanza), ...changes()] } }))))
})

let changed = false
/** Another device of the account has changed a setting. */
const changes = (): ReadonlyArray<BinaryNode> => {
  if (!changed) return []
  changed = false
  const attrs = { from: "s.whatsapp.net", id: "1-1", type: "server_sync", t: "1700000000" }
  return [node("notification", attrs, [node("collection", { name: "regular", version: "1" })])]
}
