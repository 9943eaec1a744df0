import { describe, expect, it } from "vitest"
import { query } from "./wire.ts"
import { BUDI, SITI, world } from "./world.ts"

describe("queries", () => {
  it("answers who is on WhatsApp, statuses, privacy, the block list, presence and profile", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const { socket } = client
    expect(await socket.onWhatsApp(BUDI, "6289999999999")).toEqual([{ jid: budi.jid, exists: true }])
    expect(await socket.fetchStatus(budi.jid)).toMatchObject([{ id: budi.jid, status: { status: budi.account.about } }])
    expect(await socket.fetchPrivacySettings(true)).toMatchObject({ readreceipts: "all", last: "all" })
    await socket.updateLastSeenPrivacy("contacts")
    expect(await socket.fetchPrivacySettings(true)).toMatchObject({ last: "contacts" })
    await socket.updateBlockStatus(budi.jid, "block")
    expect(await socket.fetchBlocklist()).toEqual([budi.lid])
    await socket.updateProfileStatus("sibuk")
    expect(await socket.fetchAccountReachoutTimelock()).toMatchObject({ isActive: false })
    expect(await socket.groupFetchAllParticipating()).toEqual({})
    expect(await socket.getBusinessProfile(budi.jid)).toMatchObject({ wid: budi.jid })
    await socket.rotateSignedPreKey()
    await socket.digestKeyBundle()
    await expect(socket.profilePictureUrl(budi.jid)).rejects.toThrow("item-not-found")
    const typing = server.waitFor("chatstate")
    await socket.sendPresenceUpdate("composing", budi.jid)
    expect(await typing).toMatchObject({ phone: SITI, to: budi.jid, state: "composing" })
    expect(server.unknown).toEqual([])
  })

  it("keeps app state, so that changes of chats pass between linked devices", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    await client.until(() => client.auth.creds.accountSyncCounter === 1, "app state")
    await client.socket.chatModify({ pin: true }, budi.jid)
    await client.socket.chatModify({ pin: false }, budi.jid)
    expect([...server.phone(SITI).account.appState.values()].map((patches) => patches.length)).toEqual([2])
  })

  it("takes what a device asks its own phone for, outside of any chat", async () => {
    const { budi, link, server, siti } = await world()
    const client = await link()
    await budi.send(SITI, "hai")
    const { message } = await client.untilMessage("hai")
    const asked = server.waitFor("peer")
    const id = await client.socket.fetchMessageHistory(10, message.key, Date.now())
    const peer = await asked
    expect(peer).toMatchObject({ id, phone: SITI, device: 1 })
    expect(peer.message.protocolMessage?.peerDataOperationRequestMessage?.historySyncOnDemandRequest).toMatchObject({
      chatJid: budi.jid,
      onDemandMsgCount: 10
    })
    expect([siti.inbox.length, server.audit().accepted]).toEqual([1, 0])
  })

  it("refuses what it does not know, and keeps it for the test to see", async () => {
    const { link, server } = await world()
    const client = await link()
    const asked = client.socket.query(query("u1", "w:unheard", "what"))
    await expect(asked).rejects.toMatchObject({ message: "feature-not-implemented", data: 501 })
    expect(server.unknown).toMatchObject([{ tag: "iq", attrs: { xmlns: "w:unheard" } }])
  })

  it("makes unknown numbers on the way, if it is told to accept them", async () => {
    const { link, server } = await world({ acceptUnknown: true })
    const client = await link()
    const id = await client.send("6285550001111", "siapa?")
    expect((await client.untilAck(id)).error).toBeUndefined()
    expect(server.phone("6285550001111").inbox).toMatchObject([{ id, text: "siapa?" }])
  })
})
