import { describe, expect, it } from "vitest"
import type { Addressing } from "../../src/emulator/EmulatorOptions.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const addressings: ReadonlyArray<Addressing> = ["lid", "pn"]

const grouped = async (addressing: Addressing = "lid") => {
  const all = await world({ groupAddressing: addressing })
  const group = all.budi.groups.create("Keluarga", [SITI, ANI])
  return { ...all, group }
}

describe.each(addressings)("a group by %s", (addressing) => {
  it("passes what a linked device writes to all members, with one sender key", async () => {
    const { ani, budi, group, link, server, siti } = await grouped(addressing)
    const client = await link()
    const first = await client.socket.sendMessage(group.jid, { text: "halo semua" })
    const second = await client.socket.sendMessage(group.jid, { text: "lagi" })
    for (const phone of [budi, ani, siti]) {
      const shown = await phone.waitForMessage((each) => each.text === "lagi")
      expect(shown).toMatchObject({ chat: group.jid, from: SITI, id: second?.key.id, fromMe: phone === siti })
    }
    expect(await client.untilAck(second?.key.id ?? "")).toMatchObject({ from: group.jid })
    expect(server.undecryptable).toEqual([])
    const clean = { acceptedNotShown: [], shownNotAccepted: [], unreadable: [] }
    expect(server.audit()).toEqual({ accepted: 2, shown: 2, ...clean })
    const id = first?.key.id ?? ""
    for (const phone of [budi, ani]) await client.untilReceiptOf(group.addressOf(phone.account), id, "receiptTimestamp")
    ani.read(id)
    await client.untilReceiptOf(group.addressOf(ani.account), id, "readTimestamp")
  })

  it("passes what a phone writes to linked devices of all members, who confirm it", async () => {
    const { ani, budi, group, link, server } = await grouped(addressing)
    const [siti, own] = [await link(SITI), await link(BUDI)]
    const id = await budi.send(group.jid, "makan yuk")
    await budi.send(group.jid, "segera")
    await siti.untilMessage("segera")
    const { message } = await siti.untilMessage("makan yuk")
    expect(message.key).toMatchObject({ id, remoteJid: group.jid, participant: group.addressOf(budi.account), fromMe: false })
    expect(message.pushName).toBe("Budi")
    expect((await own.untilMessage("segera")).message.key).toMatchObject({ fromMe: true, remoteJid: group.jid })
    expect(ani.inbox.map((each) => each.text)).toEqual(["makan yuk", "segera"])
    await siti.socket.readMessages([message.key])
    await budi.waitForStatus(id, "read")
    expect(server.stats).toMatchObject({ undecryptable: 0, retriesAnswered: 0, unknown: 0 })
  })
})

describe("in a group", () => {
  it("passes messages and receipts between linked devices, and answers in the group", async () => {
    const { ani, group, link, server } = await grouped()
    const [siti, budi] = [await link(SITI), await link(BUDI)]
    ani.autoReply((received) => received.text === "siapa?" ? "saya" : undefined)
    const sent = await siti.socket.sendMessage(group.jid, { text: "siapa?" })
    const { message } = await budi.untilMessage("siapa?")
    expect(message.key).toMatchObject({ remoteJid: group.jid, participantAlt: `${SITI}@s.whatsapp.net`, fromMe: false })
    expect((await budi.untilMessage("saya")).message.key.remoteJid).toBe(group.jid)
    await siti.untilMessage("saya")
    await budi.socket.readMessages([message.key])
    await siti.untilReceiptOf(server.phone(BUDI).lid, sent?.key.id ?? "", "readTimestamp")
    expect(server.stats.undecryptable).toBe(0)
  })

  it("keeps for a device that is away, and gives every member's receipt", async () => {
    const { ani, budi, group, link, server, siti } = await grouped()
    const client = await link()
    const sent = await client.socket.sendMessage(group.jid, { text: "satu" })
    await client.untilAck(sent?.key.id ?? "")
    const gone = server.waitFor("disconnected")
    await client.close()
    await gone
    budi.read()
    ani.read()
    await ani.send(group.jid, "dua")
    await budi.send(group.jid, "tiga")
    // A message, and a receipt, from each.
    expect(siti.linked[0]?.queued).toBeGreaterThanOrEqual(4)
    client.reconnect()
    await client.untilMessage("dua")
    await client.untilMessage("tiga")
    for (const reader of [ani, budi]) {
      await client.untilReceiptOf(group.addressOf(reader.account), sent?.key.id ?? "", "readTimestamp")
    }
  })

  it("asks a linked device again for what a member could not read", async () => {
    const { ani, budi, group, link, server } = await grouped()
    const client = await link()
    await client.socket.sendMessage(group.jid, { text: "satu" })
    await ani.waitForMessage((each) => each.text === "satu")
    ani.account.primary.signal.senderKeys.forget(group.jid, `${SITI}.1`)
    await client.socket.sendMessage(group.jid, { text: "dua" })
    await ani.waitForMessage((each) => each.text === "dua")
    expect(server.undecryptable).toMatchObject([{ phone: ANI, failure: "no-session", recovered: true }])
    expect(budi.inbox.map((each) => each.text)).toEqual(["satu", "dua"])
  })

  it("sends again what a linked device could not read", async () => {
    const { budi, group, link, server } = await grouped()
    const client = await link()
    server.faults.add({ kind: "corrupt", phone: SITI, times: 1 })
    await budi.send(group.jid, "rusak")
    await client.untilMessage("rusak")
    await budi.send(group.jid, "utuh")
    await client.untilMessage("utuh")
    expect(server.stats).toMatchObject({ retriesAnswered: 1 })
  })

  it("says that a device list is stale when told to, and withholds acks", async () => {
    const { group, link, server } = await grouped()
    const client = await link()
    server.faults.add({ kind: "ack-phash", to: group.jid, times: 1 })
    const sent = await client.socket.sendMessage(group.jid, { text: "satu" })
    expect((await client.untilAck(sent?.key.id ?? "")).phash).toMatch(/^2:.{6}$/)
    server.faults.add({ kind: "ack-error", to: group.jid, code: 500, times: 1 })
    const refused = await client.socket.sendMessage(group.jid, { text: "dua" })
    expect((await client.untilAck(refused?.key.id ?? "")).error).toBe("500")
  })

  it("lets nobody write who has gone, and gives new keys to those who stay", async () => {
    const { ani, budi, group, link, server } = await grouped()
    const [siti, theirs] = [await link(SITI), await link(ANI)]
    await budi.send(group.jid, "sebelum")
    await theirs.untilMessage("sebelum")
    budi.groups.remove(group.jid, ANI)
    await budi.send(group.jid, "sesudah")
    await siti.untilMessage("sesudah")
    expect(theirs.messages.some(({ message }) => message.message?.conversation === "sesudah")).toBe(false)
    expect(ani.inbox.map((each) => each.text)).toEqual(["sebelum"])
    await expect(ani.send(group.jid, "halo?")).rejects.toThrow("forbidden")
    await expect(theirs.socket.sendMessage(group.jid, { text: "halo?" })).rejects.toThrow("forbidden")
    budi.groups.set(group.jid, "announcement")
    const silenced = await siti.socket.sendMessage(group.jid, { text: "boleh?" })
    expect((await siti.untilAck(silenced?.key.id ?? "")).error).toBe("420")
    expect(server.audit().accepted).toBe(0)
  })
})
