import { proto } from "@whiskeysockets/baileys"
import { describe, expect, it } from "vitest"
import { BUDI, SITI, world } from "./world.ts"

describe("to a linked device", () => {
  it("carries both addresses of the writer, by number or by LID", async () => {
    const { budi, link, siti } = await world()
    const client = await link()
    await budi.send(SITI, "nomor")
    const byNumber = { remoteJid: budi.jid, remoteJidAlt: budi.lid, fromMe: false }
    expect((await client.untilMessage("nomor")).message.key).toMatchObject(byNumber)
    budi.addressing = "lid"
    await budi.send(SITI, "lid")
    const byLid = { remoteJid: budi.lid, remoteJidAlt: budi.jid, addressingMode: "lid" }
    expect((await client.untilMessage("lid")).message.key).toMatchObject(byLid)
    const answered = await client.socket.sendMessage(budi.lid, { text: "ke lid" })
    const received = await budi.waitForMessage((each) => each.text === "ke lid")
    expect(received).toMatchObject({ chat: siti.lid, from: SITI })
    await client.untilStatus(answered?.key.id ?? "", proto.WebMessageInfo.Status.DELIVERY_ACK)
    const typed = await siti.send(BUDI, "dari telepon")
    expect((await client.untilMessage("dari telepon")).message.key).toMatchObject({ id: typed, remoteJid: budi.jid })
  })

  it("knows when it was delivered and read", async () => {
    const { budi, link } = await world()
    const client = await link()
    const id = await budi.send(SITI, "hai")
    const { message } = await client.untilMessage("hai")
    await budi.waitForStatus(id, "delivered")
    await client.socket.readMessages([message.key])
    await budi.waitForStatus(id, "read")
    expect(budi.statusOf(id)).toBe("read")
  })

  it("shows what was typed on the phone itself as one's own", async () => {
    const { budi, link, siti } = await world()
    const client = await link()
    const id = await siti.send(BUDI, "dari telepon")
    const { message } = await client.untilMessage("dari telepon")
    expect(message.key).toMatchObject({ id, remoteJid: budi.jid, fromMe: true })
    expect(budi.inbox).toMatchObject([{ id, text: "dari telepon", from: SITI }])
  })

  it("waits while the device is away and comes, marked, before the end of the offline queue", async () => {
    const { budi, keep, link, server, siti } = await world()
    const client = await link()
    const away = server.waitFor("disconnected")
    await client.close()
    await away
    const ids = [await budi.send(SITI, "satu"), await budi.send(SITI, "dua")]
    expect(siti.linked[0]).toMatchObject({ online: false, queued: 2 })
    const online = server.waitFor("online")
    client.reconnect()
    keep(client)
    await client.untilOnline()
    await client.untilMessage("dua")
    expect(await online).toMatchObject({ offline: 2 })
    expect(client.messages.map((each) => [each.message.key.id, each.type])).toEqual(ids.map((id) => [id, "append"]))
    await budi.waitForStatus(ids[1] ?? "", "delivered")
    expect(siti.linked[0]).toMatchObject({ queued: 0 })
  })

  it("comes again at every login until it is acknowledged", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    // The client goes away before it has looked at the message.
    client.socket.ws.removeAllListeners("CB:message")
    const arrived = new Promise((resolve) => client.socket.ws.on("CB:message", resolve))
    const id = await budi.send(SITI, "jangan hilang")
    await arrived
    const away = server.waitFor("disconnected")
    await client.close()
    await away
    client.reconnect()
    expect((await client.untilMessage("jangan hilang")).type).toBe("append")
    await budi.waitForStatus(id, "delivered")
    expect(server.stats.redelivered).toBe(1)
    const gone = server.waitFor("disconnected")
    await client.close()
    await gone
    client.reconnect()
    await client.untilOnline()
    expect(server.stats.redelivered).toBe(1)
  })

  it("is encrypted anew, with a new session, when the device asks again", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    server.faults.add({ kind: "corrupt", phone: SITI, times: 1 })
    await budi.send(SITI, "rusak")
    await client.untilMessage("rusak")
    expect(server.stats).toMatchObject({ retriesAnswered: 1 })
    await budi.send(SITI, "baik")
    await client.untilMessage("baik")
    await client.send(BUDI, "balas")
    await budi.waitForMessage((each) => each.text === "balas")
  })

  it("consumes a one-time key per new session, and asks for more when they run low", async () => {
    const { link, server, siti } = await world({ preKeyLow: 815 })
    const uploads: Array<number> = []
    server.on("preKeys", ({ uploaded }) => uploads.push(uploaded))
    await link()
    const uploaded = server.waitFor("preKeys")
    server.askForPreKeys(SITI, 1, 2)
    await uploaded
    expect(uploads).toEqual([812, 5])
    expect(siti.account.companion(1)?.preKeyIds.length).toBe(817 - server.stats.preKeysConsumed)
  })

  it("replies by itself when told to", async () => {
    const { budi, link } = await world()
    budi.autoReply((received) => `gema: ${received.text}`)
    const client = await link()
    await client.send(BUDI, "halo")
    expect((await client.untilMessage("gema: halo")).message.key.remoteJid).toBe(budi.jid)
    budi.autoReply(undefined)
    await client.untilAck(await client.send(BUDI, "diam"))
    expect(client.messages.filter(({ message }) => !message.key.fromMe)).toHaveLength(1)
  })
})

