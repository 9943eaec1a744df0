import { describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import type { Breakage } from "../../src/emulator/server/Breakage.ts"
import { oddStanzas } from "../../src/emulator/server/oddStanzas.ts"
import type { Node } from "../../src/emulator/protocol/codec.ts"
import { node } from "../../src/emulator/protocol/node.ts"
import { query, type WireClient } from "./wire.ts"
import { BUDI, SITI, world } from "./world.ts"

/** A linked device whose Baileys client has gone, so that a raw one can take its place. */
const rawWorld = async () => {
  const all = await world()
  const client = await all.link()
  const gone = all.server.waitFor("disconnected")
  await client.close()
  await gone
  return { ...all, raw: () => all.wire(client), client }
}

describe("before the stream", () => {
  it("refuses upgrades with a status, as often as told", async () => {
    const { connect, server } = await world()
    const fault = server.faults.add({ kind: "upgrade-status", status: 503, retryAfter: 7, times: 2 })
    const answer = () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(server.url)
        socket.on("unexpected-response", (_, answer) => resolve([answer.statusCode, answer.headers["retry-after"]]))
        socket.on("error", reject)
      })
    expect(await answer()).toEqual([503, "7"])
    expect(await answer()).toEqual([503, "7"])
    expect(fault.hits).toBe(2)
    expect(server.faults.active).toEqual([])
    await connect().untilQr()
  })

  it("never answers an upgrade", async () => {
    const { server } = await world()
    server.faults.add({ kind: "upgrade-hang", times: 1 })
    const socket = new WebSocket(server.url, { handshakeTimeout: 100 })
    const error = await new Promise<Error>((resolve) => socket.on("error", resolve))
    expect(error.message).toContain("timed out")
    expect(server.stats).toMatchObject({ upgrades: 1, handshakes: 0 })
  })

  it("never answers a handshake", async () => {
    const { connect, server } = await world()
    server.faults.add({ kind: "handshake-hang", times: 1 })
    const client = connect({ connectTimeoutMs: 150 })
    await client.untilClosed()
    expect(client.closeCode).toBe(408)
  })

  it("answers a handshake with garbage", async () => {
    const { raw, server } = await rawWorld()
    server.faults.add({ kind: "handshake-garbage", times: 1 })
    await expect(raw()).rejects.toThrow(/index out of range|invalid wire type|Unsupported|bad decrypt|authenticate/)
    await raw()
  })

  it("shows chains that a strict client must refuse", async () => {
    const { raw, server } = await rawWorld()
    const refused = {
      "foreign-root": "intermediate",
      "bad-intermediate": "intermediate",
      "bad-leaf": "leaf",
      "foreign-leaf-key": "leaf key"
    } as const
    for (const [chain, reason] of Object.entries(refused)) {
      server.faults.add({ kind: "certificate", chain: chain as keyof typeof refused, times: 1 })
      await expect(raw(), chain).rejects.toThrow(new RegExp(`^${reason}$`))
    }
    await raw()
  })

  it("sends a frame in the moment the handshake ends", async () => {
    const { raw, server } = await rawWorld()
    server.faults.add({ kind: "early-frame", times: 1 })
    const early = await raw()
    expect(await early.node()).toMatchObject({ tag: "ib", content: [{ tag: "early" }] })
    expect(await early.node()).toMatchObject({ tag: "success" })
  })
})

describe("at the login", () => {
  it("fails with any reason", async () => {
    const { client, server } = await rawWorld()
    for (const reason of [401, 402, 403, 405, 406, 409, 411, 500, 503]) {
      const details = { location: "cln", code: 101, expire: 3600 }
      server.faults.add({ kind: "login-failure", phone: SITI, reason, ...details, times: 1 })
      client.reconnect()
      await client.untilClosed()
      expect(client.closeCode).toBe(reason)
      const seen = { reason: String(reason), location: "cln", code: "101", expire: "3600" }
      expect(client.closeError?.data).toMatchObject(seen)
    }
    expect(server.stats.loginFailures).toBe(9)
  })

  it("hangs for one device only", async () => {
    const { link, raw, server } = await rawWorld()
    server.faults.add({ kind: "login-hang", phone: SITI, device: 1 })
    const hung = await raw()
    await link(BUDI)
    expect(hung.frames).toEqual([])
    expect(server.stats.loginFailures).toBe(0)
  })
})

describe("on the stream", () => {
  it("goes deaf: the connection stays and nothing is answered", async () => {
    const { link, raw, server } = await rawWorld()
    server.faults.add({ kind: "black-hole", phone: SITI })
    const wire = await raw()
    await wire.nodesTo("ib")
    wire.send(query("1", "w:p", "ping"))
    await link(BUDI)
    expect(wire.closeCode).toBeUndefined()
    expect(wire.frames).toEqual([])
    expect(server.connectionOf(SITI).deaf).toBe(true)
  })

  it("leaves queries of a namespace unanswered, refuses them or answers late", async () => {
    const { raw, server } = await rawWorld()
    const wire = await raw()
    await wire.nodesTo("ib")
    server.faults.add({ kind: "iq-silence", xmlns: "privacy", times: 1 })
    server.faults.add({ kind: "iq-error", xmlns: "blocklist", code: 429, text: "rate-overlimit", times: 1 })
    server.faults.add({ kind: "iq-delay", xmlns: "abt", tag: "props", ms: 30, times: 1 })
    wire.send(query("silent", "privacy", "privacy"))
    wire.send(query("late", "abt", "props"))
    wire.send(query("refused", "blocklist", "list"))
    wire.send(query("good", "privacy", "privacy"))
    const answers = await wire.nodesTo("iq").then(async (first) => [first.at(-1), await wire.node(), await wire.node()])
    expect(answers.map((each) => [each?.attrs.id, each?.attrs.type])).toEqual([
      ["refused", "error"],
      ["good", "result"],
      ["late", "result"]
    ])
    expect(answers[0]?.content).toMatchObject([{ tag: "error", attrs: { code: "429", text: "rate-overlimit" } }])
  })

  const ends: Record<Breakage, (at: { readonly wire: WireClient }) => Promise<unknown>> = {
    "garbage-frame": async ({ wire }) => {
      const body = await wire.frame()
      expect(() => wire.decrypt(body)).toThrow("unable to authenticate")
    },
    "endless-frame": async ({ wire }) => expect(wire.rest()).resolves.toEqual(Buffer.from([0xff, 0xff, 0xff, 1, 2, 3])),
    "truncated-frame": async ({ wire }) => expect((await wire.rest()).length).toBe(30),
    "empty-frame": async ({ wire }) => expect(wire.decrypt(await wire.frame())).toHaveLength(0),
    "zero-frame": async ({ wire }) => expect(await wire.frame()).toHaveLength(0),
    "bad-node": async ({ wire }) => expect(wire.node()).rejects.toThrow(/invalid|end of stream|token/),
    "truncated-node": async ({ wire }) => expect(wire.node()).rejects.toThrow("end of stream"),
    "bad-zlib": async ({ wire }) => expect(wire.node()).rejects.toThrow(/invalid|incorrect/),
    "odd-stanzas": async ({ wire }) => {
      for (const odd of oddStanzas) expect((await wire.node()).tag).toBe(odd.tag)
    },
    "reset": async ({ wire }) => wire.until(() => wire.closeCode === 1006),
    "close": async ({ wire }) => wire.until(() => wire.closeCode === 1000),
    "stream-end": async ({ wire }) => {
      expect(await wire.node()).toMatchObject({ tag: "xmlstreamend" })
      await wire.until(() => wire.closeCode === 1000)
    }
  }

  it("breaks in every way there is", async () => {
    const { raw, server } = await rawWorld()
    for (const how of Object.keys(ends) as Array<Breakage>) {
      const wire = await raw()
      await wire.nodesTo("ib")
      server.connectionOf(SITI, 1).break(how)
      await ends[how]({ wire })
      const gone = wire.closeCode === undefined ? server.waitFor("disconnected") : undefined
      wire.close()
      await gone
    }
    expect(server.failures).toEqual([])
  })

  it("ends with any stream error", async () => {
    const { link, server } = await world()
    const client = await link()
    const errors: ReadonlyArray<readonly [code: string | undefined, reason: Node | undefined, seen: number]> = [
      ["515", undefined, 515],
      ["503", undefined, 503],
      ["500", undefined, 500],
      [undefined, node("ack", { id: "1" }), 500],
      [undefined, node("conflict", { type: "replaced" }), 440],
      ["401", node("conflict", { type: "device_removed" }), 401]
    ]
    for (const [code, reason, seen] of errors) {
      server.connectionOf(SITI).streamError(code === undefined ? {} : { code }, reason)
      await client.untilClosed()
      expect(client.closeCode).toBe(seen)
      client.reconnect()
      await client.untilOnline()
    }
  })
})

