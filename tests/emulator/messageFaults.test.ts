import { proto } from "@whiskeysockets/baileys"
import { describe, expect, it } from "vitest"
import type { Client } from "./client.ts"
import { BUDI, SITI, world } from "./world.ts"

const { DELIVERY_ACK } = proto.WebMessageInfo.Status
const copies = (client: Client, id: string) => client.messages.filter(({ message }) => message.key.id === id).length

describe("messages from a linked device", () => {
  it("delivers without an ack, or neither", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "ack-drop", phone: SITI, times: 1 })
    const quiet = await client.send(BUDI, "tanpa ack")
    await client.untilStatus(quiet, DELIVERY_ACK)
    server.faults.add({ kind: "ack-drop", to: BUDI, deliver: false, times: 1 })
    await client.send(BUDI, "hilang")
    await client.untilAck(await client.send(BUDI, "biasa"))
    expect(client.acks.map((ack) => ack.id)).toHaveLength(1)
    expect(budi.inbox.map((each) => each.text)).toEqual(["tanpa ack", "biasa"])
    expect(server.stats).toMatchObject({ messagesReceived: 3, messagesAccepted: 1, acksDropped: 2 })
  })

  it("acks late", async () => {
    const { link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "ack-delay", ms: 60, times: 1 })
    const id = await client.send(BUDI, "lambat")
    await client.untilStatus(id, DELIVERY_ACK)
    expect(client.acks).toEqual([])
    await client.untilAck(id)
  })

  it("refuses late", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "ack-error", code: 463, ms: 60, times: 1 })
    const id = await client.send(BUDI, "ditolak")
    expect(client.acks).toEqual([])
    expect(await client.untilAck(id)).toMatchObject({ error: "463" })
    expect(budi.inbox.length).toBe(0)
  })

  it("refuses with any error, to one recipient", async () => {
    const { budi, link, server } = await world()
    const ani = server.phone("6281200000002")
    const client = await link()
    for (const code of [400, 403, 429, 463, 475, 479]) {
      server.faults.add({ kind: "ack-error", to: BUDI, code, times: 1 })
      const id = await client.send(BUDI, "ditolak")
      expect(await client.untilAck(id)).toMatchObject({ error: String(code), from: budi.jid })
      server.faults.add({ kind: "ack-error", to: BUDI, code, times: 1 })
      expect((await client.untilAck(await client.send(ani.phone, "boleh"))).error).toBeUndefined()
      server.faults.clear()
    }
    expect([budi.inbox.length, ani.inbox.length]).toEqual([0, 6])
    expect(server.stats).toMatchObject({ messagesRefused: 6, messagesAccepted: 6 })
  })

  it("says the device list was stale", async () => {
    const { link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "ack-phash", times: 1 })
    expect((await client.untilAck(await client.send(BUDI, "satu"))).phash).toMatch(/^2:/)
    expect((await client.untilAck(await client.send(BUDI, "dua"))).phash).toBeUndefined()
  })

  it("cuts TCP in place of the ack, with the message delivered or lost", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "ack-close", times: 1 })
    await client.send(BUDI, "sampai")
    await client.untilClosed()
    expect(client.closeCode).toBe(428)
    client.reconnect()
    await client.untilOnline()
    server.faults.add({ kind: "ack-close", deliver: false, times: 1 })
    await client.send(BUDI, "hilang")
    await client.untilClosed()
    expect(client.acks).toEqual([])
    expect(budi.inbox.map((each) => each.text)).toEqual(["sampai"])
  })

  it("is asked to send again what the phone could well have read", async () => {
    const { budi, link, server, siti } = await world()
    const client = await link()
    const fault = server.faults.add({ kind: "ask-retry", to: BUDI, times: 2 })
    const id = await client.send(BUDI, "sekali lagi")
    await budi.waitForMessage((each) => each.id === id)
    expect(fault.hits).toBe(2)
    expect(server.stats).toMatchObject({ retriesAsked: 2, messagesReceived: 3, undecryptable: 0 })
    expect([budi.inbox.length, budi.duplicates.length]).toEqual([1, 0])
    // Asked by a phone, Baileys sends to all devices again: one's own phone has seen it.
    expect(siti.duplicates.map((each) => each.id)).toEqual([id, id])
  })
})

describe("messages to a linked device", () => {
  it("come twice: the same frame, or encrypted anew", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const frames: Array<string | undefined> = []
    client.socket.ws.on("CB:message", (stanza: { attrs: { id?: string } }) => frames.push(stanza.attrs.id))
    server.faults.add({ kind: "duplicate", phone: SITI, from: BUDI, times: 1 })
    const twice = await budi.send(SITI, "dua kali")
    server.faults.add({ kind: "re-encrypt", phone: SITI, times: 1 })
    const anew = await budi.send(SITI, "baru lagi")
    await client.until(() => copies(client, anew) === 2, "two copies")
    expect(frames).toEqual([twice, twice, anew, anew])
    budi.resend(anew)
    await client.until(() => copies(client, anew) === 3, "a third copy")
  })

  it("come late, on a session that has been replaced", async () => {
    const { budi, link } = await world()
    const client = await link()
    await budi.send(SITI, "pembuka")
    await client.untilMessage("pembuka")
    const late = budi.prepare(SITI, "terlambat")
    budi.renewSessions(SITI)
    await budi.send(SITI, "sesi baru")
    await client.untilMessage("sesi baru")
    late.deliver()
    expect((await client.untilMessage("terlambat")).message.key.id).toBe(late.id)
  })

  it("cross with one of the device's own, each opening a session", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const opening = budi.prepare(SITI, "dari budi")
    const id = await client.send(BUDI, "dari siti")
    await budi.waitForMessage((each) => each.id === id)
    opening.deliver()
    await client.untilMessage("dari budi")
    expect(server.stats.undecryptable).toBe(0)
  })

  it("are withheld receipts, given later and in any order", async () => {
    const { budi, link } = await world()
    budi.receipts = { delivered: false }
    const client = await link()
    const id = await client.send(BUDI, "halo")
    await client.untilAck(id)
    budi.read(id)
    await client.untilStatus(id, proto.WebMessageInfo.Status.READ)
    expect(client.updates.some((each) => each.update.status === DELIVERY_ACK)).toBe(false)
    budi.confirm(id)
    await client.untilStatus(id, DELIVERY_ACK)
    expect(() => budi.read("nobody")).toThrow("no message")
  })
})

describe("the switches", () => {
  it("are taken back one by one or all at once", async () => {
    const { link, server } = await world()
    const client = await link()
    const fault = server.faults.add({ kind: "ack-error", code: 463 })
    server.faults.add({ kind: "ack-error", code: 475 })
    expect((await client.untilAck(await client.send(BUDI, "a"))).error).toBe("463")
    fault.remove()
    expect((await client.untilAck(await client.send(BUDI, "b"))).error).toBe("475")
    server.faults.clear()
    expect((await client.untilAck(await client.send(BUDI, "c"))).error).toBeUndefined()
  })
})
