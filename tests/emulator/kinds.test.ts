import { decryptPollVote, type proto, type WAMessage } from "@whiskeysockets/baileys"
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { contentOf } from "../../src/emulator/messages/contentOf.ts"
import * as contents from "../../src/emulator/messages/contents.ts"
import type { Client } from "./client.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const jid = `${BUDI}@s.whatsapp.net`

const untilId = async (client: Client, id: string): Promise<WAMessage> => {
  const find = () => client.messages.find(({ message }) => message.key.id === id)?.message
  await client.until(() => find() !== undefined, `message ${id}`)
  return find() ?? { key: {} }
}

describe("from a contact", () => {
  it("come replies with mentions, reactions, edits, votes and revocations about what a device wrote", async () => {
    const { budi, link } = await world()
    const client = await link()
    const sent = await client.socket.sendMessage(jid, { text: "asli" })
    const id = sent?.key.id ?? ""
    await budi.waitForMessage((each) => each.id === id)
    const reply = await untilId(client, await budi.messages.reply(id, "balas", { mentions: [`${SITI}@s.whatsapp.net`] }))
    expect(reply.message?.extendedTextMessage).toMatchObject({
      text: "balas",
      contextInfo: { stanzaId: id, participant: `${SITI}@s.whatsapp.net`, mentionedJid: [`${SITI}@s.whatsapp.net`] }
    })
    await budi.messages.react(id, "👍")
    const [reacted] = await client.untilEvent("messages.reaction")
    expect(reacted).toMatchObject({ key: { id, fromMe: true }, reaction: { text: "👍" } })
    const wrong = await budi.send(SITI, "slah")
    await budi.messages.edit(wrong, "salah")
    const edited = await client.untilEvent("messages.update", (updates) => updates.some(({ key }) => key.id === wrong))
    expect(edited.find(({ key }) => key.id === wrong)?.update.message?.editedMessage?.message).toMatchObject({ conversation: "salah" })
    await budi.messages.revoke(wrong)
    await client.untilEvent("messages.update", (updates) => updates.some(({ key, update }) => key.id === wrong && update.message === null))
    const passedOn = await untilId(client, await budi.messages.forward(wrong, SITI))
    expect(passedOn.message?.extendedTextMessage?.contextInfo?.isForwarded).toBe(true)
  })

  it("come votes that open with the secret of the poll", async () => {
    const { budi, link } = await world()
    const client = await link()
    const sent = await client.socket.sendMessage(jid, { poll: { name: "Makan?", values: ["ya", "tidak"], selectableCount: 1 } })
    const id = sent?.key.id ?? ""
    const shown = await budi.waitForMessage((each) => each.id === id)
    expect(contentOf(shown.message)).toMatchObject({ kind: "poll", poll: { name: "Makan?", options: ["ya", "tidak"] } })
    const voted = await untilId(client, await budi.messages.vote(id, "ya"))
    const { pollCreationMessageKey: key, vote } = voted.message?.pollUpdateMessage ?? {}
    expect(key).toMatchObject({ id, fromMe: true })
    const opened = decryptPollVote(vote ?? {}, {
      pollCreatorJid: `${SITI}@s.whatsapp.net`,
      pollMsgId: id,
      pollEncKey: sent?.message?.messageContextInfo?.messageSecret ?? new Uint8Array(),
      voterJid: jid
    })
    expect(opened.selectedOptions?.map((each) => Buffer.from(each).toString("hex"))).toEqual([
      createHash("sha256").update("ya").digest("hex")
    ])
  })

  it("come places, cards, polls, what disappears, and what no one knows", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const messages: ReadonlyArray<readonly [proto.IMessage, (message: proto.IMessage) => unknown]> = [
      [contents.location(-6.2, 106.8, "Monas"), (message) => message.locationMessage?.name],
      [{ liveLocationMessage: { degreesLatitude: 1, degreesLongitude: 2 } }, (message) => message.liveLocationMessage?.degreesLongitude],
      [contents.contact("Ani", ANI), (message) => message.contactMessage?.vcard?.includes(ANI)],
      [{ contactsArrayMessage: { contacts: [{ displayName: "Ani" }] } }, (message) => message.contactsArrayMessage?.contacts?.length],
      [contents.poll("Jam?", ["1", "2"]), (message) => message.pollCreationMessageV3?.options?.length],
      [contents.disappearing({ conversation: "sebentar" }), (message) => message.ephemeralMessage?.message?.conversation],
      [{ keepInChatMessage: { keepType: 1 } }, (message) => message.keepInChatMessage?.keepType]
    ]
    for (const [message, read] of messages) {
      const received = await untilId(client, await budi.send(SITI, message))
      expect(read(received.message ?? {})).toBeTruthy()
    }
    expect(server.stats).toMatchObject({ retriesAnswered: 0, unknown: 0 })
  })
})

describe("from a linked device", () => {
  it("come kinds that a contact can read", async () => {
    const { budi, link } = await world()
    const client = await link()
    const read = async (content: Parameters<typeof client.socket.sendMessage>[1], options = {}) => {
      const sent = await client.socket.sendMessage(jid, content, options)
      const shown = await budi.waitForMessage((each) => each.id === sent?.key.id)
      return { content: contentOf(shown.message), sent, text: shown.text }
    }
    const first = await budi.send(SITI, "pertama")
    const quoted = await untilId(client, first)
    expect((await read({ text: "hai" })).content).toEqual({ kind: "text" })
    const reply = await read({ text: "ini", mentions: [jid] }, { quoted })
    expect(reply).toMatchObject({ text: "ini", content: { kind: "text", replyTo: first, mentions: [jid] } })
    expect((await read({ react: { text: "❤️", key: quoted.key } })).content).toMatchObject({ kind: "reaction", to: first, emoji: "❤️" })
    const { sent } = await read({ text: "salh" })
    if (!sent) throw new Error("not sent")
    expect((await read({ text: "salah", edit: sent.key })).content).toMatchObject({ kind: "edit", to: sent.key.id, edited: "salah" })
    expect((await read({ delete: sent.key })).content).toMatchObject({ kind: "revoke", to: sent.key.id })
    expect((await read({ forward: quoted })).content).toMatchObject({ kind: "text", forwarded: true })
    expect((await read({ location: { degreesLatitude: -6.2, degreesLongitude: 106.8 } })).content).toMatchObject({ kind: "location", latitude: -6.2 })
    const card = { displayName: "Ani", vcard: contents.vcard("Ani", ANI) }
    expect((await read({ contacts: { contacts: [card] } })).content).toMatchObject({ kind: "contacts", contacts: [{ name: "Ani" }] })
    expect((await read({ text: "sebentar" }, { ephemeralExpiration: 86_400 })).content).toMatchObject({ kind: "text", expiration: 86_400 })
  })
})

describe("who is there", () => {
  it("is told to those who ask, and who types to the other side, in chats and groups", async () => {
    const { ani, budi, link, server, siti } = await world()
    const [client, other] = [await link(SITI), await link(BUDI)]
    await client.socket.presenceSubscribe(`${ANI}@s.whatsapp.net`)
    await client.untilEvent("presence.update", ({ presences }) => presences[ani.jid]?.lastKnownPresence === "unavailable")
    ani.presence("available")
    await client.untilEvent("presence.update", ({ presences }) => presences[ani.jid]?.lastKnownPresence === "available")
    ani.presence("unavailable", new Date(1_700_000_000_000))
    await client.untilEvent("presence.update", ({ presences }) => presences[ani.jid]?.lastSeen === 1_700_000_000)
    ani.chatstate(SITI, "recording")
    await client.untilEvent("presence.update", ({ presences }) => presences[ani.jid]?.lastKnownPresence === "recording")
    await other.socket.sendPresenceUpdate("composing", siti.jid)
    await client.untilEvent("presence.update", ({ presences }) => presences[budi.jid]?.lastKnownPresence === "composing")
    const { jid: group } = ani.groups.create("Ngobrol", [SITI])
    ani.chatstate(group, "composing")
    await client.untilEvent("presence.update", ({ id, presences }) => id === group && presences[ani.lid]?.lastKnownPresence === "composing")
    const typed = server.waitFor("chatstate", ({ state }) => state === "paused")
    await client.socket.sendPresenceUpdate("paused", group)
    expect((await typed).to).toBe(group)
  })
})
