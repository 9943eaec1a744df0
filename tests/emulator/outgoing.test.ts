import { proto } from "@whiskeysockets/baileys"
import { describe, expect, it } from "vitest"
import { child, children } from "../../src/emulator/protocol/node.ts"
import { BUDI, SITI, world } from "./world.ts"

const { DELIVERY_ACK, READ, PLAYED } = proto.WebMessageInfo.Status

describe("from a linked device", () => {
  it("acks a message, shows it once at the peer and on one's own phone, and routes the receipts back", async () => {
    const { budi, link, server, siti } = await world()
    const client = await link()
    const id = await client.send(BUDI, "halo")
    const received = await budi.waitForMessage((each) => each.id === id)
    expect(received).toMatchObject({ text: "halo", from: SITI, chat: siti.jid, sender: client.jid, fromMe: false })
    expect(await client.untilAck(id)).toEqual({ class: "message", id, from: budi.jid, t: expect.any(String) })
    await client.untilStatus(id, DELIVERY_ACK)
    const own = await siti.waitForMessage((each) => each.id === id)
    expect(own).toMatchObject({ text: "halo", chat: budi.jid, fromMe: true })
    budi.read(id)
    await client.untilStatus(id, READ)
    budi.played(id)
    await client.untilStatus(id, PLAYED)
    expect(budi.inbox).toHaveLength(1)
    const drained = async (): Promise<void> => {
      if (siti.linked[0]?.queued === 0) return
      await server.waitFor("ack")
      return drained()
    }
    await drained()
    const clean = { acceptedNotShown: [], shownNotAccepted: [], unreadable: [] }
    expect(server.audit()).toEqual({ accepted: 1, shown: 1, ...clean })
    expect(server.undecryptable).toEqual([])
    expect(server.unknown).toEqual([])
  })

  it("opens a session with the first message and goes on with it, both ways", async () => {
    const { budi, link, server, siti } = await world()
    const client = await link()
    const kinds: Array<string | undefined> = []
    server.on("stanza", ({ stanza }) => {
      const forBudi = children(child(stanza, "participants"), "to").find((each) => each.attrs.jid?.startsWith(BUDI))
      kinds.push(child(forBudi, "enc")?.attrs.type)
    })
    await client.send(BUDI, "satu")
    await client.send(BUDI, "dua")
    await budi.waitForMessage((each) => each.text === "dua")
    await budi.send(SITI, "tiga")
    await client.untilMessage("tiga")
    await client.send(BUDI, "empat")
    await budi.waitForMessage((each) => each.text === "empat")
    expect(kinds).toEqual(["pkmsg", "pkmsg", "msg"])
    expect(siti.inbox.map((each) => each.text)).toEqual(["satu", "dua", "tiga", "empat"])
    expect(server.stats).toMatchObject({ messagesReceived: 3, messagesAccepted: 3, undecryptable: 0, duplicates: 0 })
  })

  it("reaches every device of a contact, each with its own copy", async () => {
    const { budi, link, server } = await world()
    const devices = [budi.addDevice(), budi.addDevice(), budi.addDevice()]
    const client = await link()
    const id = await client.send(BUDI, "untuk semua")
    await client.untilAck(id)
    expect(budi.inbox.map((each) => each.id)).toEqual([id])
    for (const device of devices) expect(device.inbox.entries.map((each) => each.id)).toEqual([id])
    expect(server.stats.decrypted).toBe(5)
  })

  it("says that a device list is stale by a phash, and only then", async () => {
    const { budi, link } = await world()
    const client = await link()
    expect((await client.untilAck(await client.send(BUDI, "satu"))).phash).toBeUndefined()
    budi.addDevice()
    expect((await client.untilAck(await client.send(BUDI, "dua"))).phash).toMatch(/^2:.{6}$/)
  })

  it("refuses a message to nobody, and one without any ciphertext", async () => {
    const { link, server } = await world()
    const client = await link()
    expect(await client.untilAck(await client.send("6289999999999", "halo?"))).toMatchObject({ error: "404" })
    server.faults.add({ kind: "iq-silence", xmlns: "usync", times: 2 })
    const quick = await link(SITI, { defaultQueryTimeoutMs: 100 })
    expect(await quick.untilAck(await quick.send(BUDI, "kosong"))).toMatchObject({ error: "479" })
    expect(server.stats.emptyMessages).toBe(1)
  })

  it("counts a message with a known id as a duplicate and does not show it again", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    await client.send(BUDI, "halo", "3EB0AAAA")
    await client.send(BUDI, "halo", "3EB0AAAA")
    await client.send(BUDI, "lain", "3EB0BBBB")
    await budi.waitForMessage((each) => each.text === "lain")
    expect(budi.inbox.map((each) => each.id)).toEqual(["3EB0AAAA", "3EB0BBBB"])
    expect(budi.duplicates).toMatchObject([{ id: "3EB0AAAA", duplicateOf: "3EB0AAAA" }])
    expect(server.stats).toMatchObject({ messagesAccepted: 3, undecryptable: 0 })
  })

  it("counts a used counter under a new id as undecryptable, and does not ask for it again", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const first = await client.send(BUDI, "satu")
    await budi.waitForMessage((each) => each.id === first)
    const session = await client.auth.keys.get("session", [`${budi.account.lid}_1.0`])
    const key = `${budi.account.lid}_1.0`
    const before = structuredClone(session[key])
    await client.send(BUDI, "dua")
    await client.auth.keys.set({ session: { [key]: before as never } })
    const lost = await client.send(BUDI, "tiga")
    await client.untilAck(lost)
    const record = { id: lost, phone: BUDI, from: SITI, failure: "old-counter", recovered: false }
    expect(server.undecryptable).toMatchObject([record])
    expect(server.audit()).toMatchObject({ accepted: 3, shown: 2, acceptedNotShown: [lost], unreadable: [lost] })
    expect(server.stats.retriesAsked).toBe(0)
    expect(budi.inbox.map((each) => each.text)).toEqual(["satu", "dua"])
  })

  it("is asked again for what the phone could not read, and sends it so that it can", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    await client.send(BUDI, "satu")
    budi.account.primary.signal.forget(`${SITI}.1`)
    await budi.send(SITI, "hai")
    await client.untilMessage("hai")
    await client.send(BUDI, "dua")
    await budi.waitForMessage((each) => each.text === "dua")
    // A phone that has lost everything: what comes on the old session cannot be read.
    budi.account.primary.signal.forget(`${SITI}.1`)
    const id = await client.send(BUDI, "tiga")
    await budi.waitForMessage((each) => each.id === id)
    expect(server.undecryptable).toMatchObject([{ id, failure: "no-session", recovered: true }])
    expect(server.stats).toMatchObject({ retriesAsked: 1, recovered: 1 })
  })
})

describe("between two linked devices", () => {
  it("passes messages and receipts between real clients, and to a companion of the same account", async () => {
    const { budi, link, server } = await world()
    const [siti, other, peer] = [await link(SITI), await link(SITI), await link(BUDI)]
    const id = await siti.send(BUDI, "halo")
    const heard = (await peer.untilMessage("halo")).message.key
    expect(heard).toMatchObject({ id, remoteJid: `${SITI}@s.whatsapp.net`, fromMe: false })
    expect((await other.untilMessage("halo")).message.key).toMatchObject({ id, remoteJid: budi.jid, fromMe: true })
    await peer.send(SITI, "hai")
    await siti.untilMessage("hai")
    await other.untilMessage("hai")
    const { message } = await peer.untilMessage("halo")
    await peer.socket.readMessages([message.key])
    await siti.untilStatus(id, READ)
    expect(server.stats.undecryptable).toBe(0)
  })
})

