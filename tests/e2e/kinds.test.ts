import { proto } from "@whiskeysockets/baileys"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { encryptVote } from "../support/pollVote.ts"
import { until } from "../support/process.ts"
import { makeService, type Service, type SseEvent } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type
const secret = Buffer.alloc(32, 7)

/** The built service, its Baileys, and phones whose every message can be looked at. */
describe.each(e2eDatabases)("every kind of message, both ways, on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let budi: Phone
  let siti: Phone
  let device = ""
  let events: ReturnType<Service["events"]>
  const stanzas: Array<{ readonly id: string | undefined; readonly edit: string | undefined; readonly meta: boolean }> = []

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    siti = emulator.phone("6281211110001", "Siti")
    budi = emulator.phone("6281299990001", "Budi")
    emulator.on("stanza", ({ stanza }) => {
      const children = Array.isArray(stanza.content) ? stanza.content : []
      stanzas.push({ id: stanza.attrs["id"], edit: stanza.attrs["edit"], meta: children.some(({ tag }) => tag === "meta") })
    })
    service = await makeService({ ...(await database.create()), WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey })
    await service.start()
    device = (await service.ask("POST", base, { deviceName: "Toko" })).deviceId
    await service.ask("POST", `${base}/${device}/connect`)
    const { qr } = await service.ask("GET", `${base}/${device}/qr`)
    await siti.scan(qr)
    await until("the device to be connected", async () =>
      (await service.ask("GET", `${base}/${device}/status`)).status === "connected" ? true : undefined)
    events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
  }, 120_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
  }, 30_000)

  const post = (path: string, body: object) => service.ask("POST", `${base}/${device}/${path}`, body)
  const arrived = async (messageId: string) => (await budi.waitForMessage(({ id }) => id === messageId)).message
  const history = async (): Promise<ReadonlyArray<Record<string, any>>> => // oxlint-disable-line typescript/no-explicit-any
    (await service.ask("GET", `${base}/${device}/chat-history/${budi.phone}?limit=200`)).items
  const row = async (messageId: string) => (await history()).find((message) => message["messageId"] === messageId)
  const told = (type: string, messageId: string, matches: (event: SseEvent) => boolean = () => true) =>
    events.waitFor(`${type} of ${messageId}`, (event) => event.type === type && event.data["messageId"] === messageId && matches(event))

  it("sends text with mention, preview and as an answer", async () => {
    const quoted = await budi.send(siti.phone, "Ada stok?")
    await told("message.received", quoted)
    const body = {
      phone: budi.phone,
      message: "Ada, lihat https://toko.id @6281299990001",
      mentions: [budi.phone],
      preview: { url: "https://toko.id", title: "Toko", description: "Sepatu" },
      quotedMessageId: quoted
    }
    const { messageId, status } = await post("send-message", body)
    expect(["sent", "delivered"]).toContain(status)
    const { extendedTextMessage } = await arrived(messageId)
    expect(extendedTextMessage).toMatchObject({
      text: body.message,
      matchedText: "https://toko.id",
      title: "Toko",
      description: "Sepatu",
      contextInfo: {
        stanzaId: quoted,
        participant: budi.jid,
        mentionedJid: [budi.jid],
        quotedMessage: { extendedTextMessage: { text: "Ada stok?" } }
      }
    })
    expect(await row(messageId)).toMatchObject({
      messageType: "text",
      metadata: { quoted, mentions: [budi.jid], preview: { url: "https://toko.id", title: "Toko", description: "Sepatu" } }
    })
  })

  it("sends a location", async () => {
    const { messageId } = await post("send-location", { phone: budi.phone, latitude: -6.2, longitude: 106.8166, name: "Toko", address: "Jl. Sudirman 1" })
    expect((await arrived(messageId)).locationMessage).toMatchObject({ degreesLatitude: -6.2, degreesLongitude: 106.8166, name: "Toko", address: "Jl. Sudirman 1" })
    expect(await row(messageId)).toMatchObject({ messageType: "location", content: "Toko, Jl. Sudirman 1", metadata: { location: { latitude: -6.2 } } })
  })

  it("sends one contact card, and several", async () => {
    const one = await post("send-contact", { phone: budi.phone, contacts: [{ name: "Ani; CS", phone: "+62 812-3456-7890", organization: "Toko" }] })
    const card = (await arrived(one.messageId)).contactMessage
    expect(card?.displayName).toBe("Ani; CS")
    expect(card?.vcard).toContain("FN:Ani\\; CS\nORG:Toko;\nTEL;type=CELL;type=VOICE;waid=6281234567890:+6281234567890")
    const two = await post("send-contact", { phone: budi.phone, contacts: [{ name: "Ani", phone: "6281234567890" }, { name: "Edi", phone: "6281234567891" }] })
    expect((await arrived(two.messageId)).contactsArrayMessage).toMatchObject({ displayName: "Ani, Edi", contacts: [{ displayName: "Ani" }, { displayName: "Edi" }] })
    expect(await row(two.messageId)).toMatchObject({ messageType: "contact", content: "Ani, Edi" })
  })

  it("sends a poll and counts its votes", async () => {
    const { messageId } = await post("send-poll", { phone: budi.phone, name: "Jam?", options: ["08.00", "13.00"] })
    const message = await arrived(messageId)
    expect(message.pollCreationMessageV3).toMatchObject({ name: "Jam?", selectableOptionsCount: 1, options: [{ optionName: "08.00" }, { optionName: "13.00" }] })
    expect(stanzas.find(({ id }) => id === messageId)?.meta).toBe(true)
    const poll = { id: messageId, secret: message.messageContextInfo!.messageSecret!, creator: siti.jid }
    await budi.send(siti.phone, {
      pollUpdateMessage: {
        pollCreationMessageKey: { remoteJid: siti.jid, fromMe: false, id: messageId },
        vote: encryptVote(poll, budi.jid, ["13.00"]),
        senderTimestampMs: Date.now()
      }
    })
    const event = await told("message.vote", messageId)
    expect(event.data).toMatchObject({ from: budi.phone, options: ["13.00"] })
    expect(await row(messageId)).toMatchObject({
      votes: [{ option: "08.00", voters: [] }, { option: "13.00", voters: [{ from: budi.phone, fromMe: false }] }]
    })
    // the secret that votes are encrypted under is nobody's to see
    expect(JSON.stringify(await history())).not.toContain(Buffer.from(poll.secret).toString("base64"))
  })

  it("reacts, takes it back, and sees the other's reaction", async () => {
    const target = await budi.send(siti.phone, "Terima kasih")
    await told("message.received", target)
    const { messageId } = await post("send-reaction", { messageId: target, emoji: "👍" })
    expect((await arrived(messageId)).reactionMessage).toMatchObject({ text: "👍", key: { id: target, fromMe: false, remoteJid: budi.jid } })
    await told("message.reaction", target, ({ data }) => data["fromMe"] === true)
    expect((await row(target))?.["reactions"]).toMatchObject([{ emoji: "👍", fromMe: true }])
    const removal = await post("send-reaction", { messageId: target, emoji: "" })
    expect((await arrived(removal.messageId)).reactionMessage).toMatchObject({ text: "" })
    expect((await row(target))?.["reactions"]).toEqual([])

    const sent = await post("send-message", { phone: budi.phone, message: "Sama-sama" })
    await budi.send(siti.phone, { reactionMessage: { key: { remoteJid: siti.jid, fromMe: false, id: sent.messageId }, text: "❤️", senderTimestampMs: Date.now() } })
    expect((await told("message.reaction", sent.messageId)).data).toMatchObject({ emoji: "❤️", from: budi.phone, fromMe: false })
    expect((await row(sent.messageId))?.["reactions"]).toMatchObject([{ emoji: "❤️", from: budi.phone }])
  })

  it("edits and deletes what it sent", async () => {
    const { messageId } = await post("send-message", { phone: budi.phone, message: "Harga 10" })
    const edit = await service.ask("PUT", `${base}/${device}/messages/${messageId}`, { message: "Harga 12" })
    expect((await arrived(edit.messageId)).protocolMessage).toMatchObject({
      type: MESSAGE_EDIT,
      key: { id: messageId, fromMe: true },
      editedMessage: { extendedTextMessage: { text: "Harga 12" } }
    })
    expect(stanzas.find(({ id }) => id === edit.messageId)?.edit).toBe("1")
    expect(await row(messageId)).toMatchObject({ content: "Harga 12", editedAt: expect.stringMatching(/Z$/) })
    const deletion = await service.ask("DELETE", `${base}/${device}/messages/${messageId}`)
    expect((await arrived(deletion.messageId)).protocolMessage).toMatchObject({ type: REVOKE, key: { id: messageId, fromMe: true } })
    expect(stanzas.find(({ id }) => id === deletion.messageId)?.edit).toBe("7")
    await told("message.deleted", messageId)
    expect(await row(messageId)).toMatchObject({ content: null, deletedAt: expect.stringMatching(/Z$/) })
    const again = await service.call("PUT", `${base}/${device}/messages/${messageId}`, { message: "x" })
    expect([again.status, again.json.error?.code]).toEqual([409, "MESSAGE_NOT_CHANGEABLE"])
  })

  it("forwards what it received, a file too, without fetching anything", async () => {
    const image = {
      imageMessage: {
        url: "https://mmg.whatsapp.net/x", directPath: "/v/x", mediaKey: secret, fileSha256: secret, fileEncSha256: secret,
        fileLength: 10, mimetype: "image/jpeg", caption: "Sepatu", contextInfo: { stanzaId: "OLD", participant: siti.jid }
      }
    }
    const source = await budi.send(siti.phone, image)
    await told("message.received", source)
    const { messageId } = await post(`messages/${source}/forward`, { phone: budi.phone })
    const { imageMessage } = await arrived(messageId)
    expect(imageMessage).toMatchObject({ caption: "Sepatu", directPath: "/v/x", contextInfo: { isForwarded: true, forwardingScore: 1 } })
    expect(imageMessage?.contextInfo?.stanzaId ?? null).toBeNull()
    expect(await row(messageId)).toMatchObject({ messageType: "image", content: "Sepatu", metadata: { forwarded: true, media: { mimetype: "image/jpeg", size: 10 } } })
    expect(JSON.stringify(await history())).not.toContain("/v/x")
  })

  it("gives a receiver that could not read it each kind once more", async () => {
    emulator.faults.add({ kind: "ask-retry", times: 1 })
    const { messageId } = await post("send-poll", { phone: budi.phone, name: "Lagi?", options: ["ya", "tidak"], selectableCount: 0 })
    expect((await arrived(messageId)).pollCreationMessage).toMatchObject({ name: "Lagi?" })
  })

  const incoming: ReadonlyArray<readonly [string, proto.IMessage, object]> = [
    ["location", { locationMessage: { degreesLatitude: 1.5, degreesLongitude: 2.5, name: "Rumah" } }, { messageType: "location", content: "Rumah", metadata: { location: { latitude: 1.5, longitude: 2.5, name: "Rumah" } } }],
    ["contact", { contactMessage: { displayName: "Ani", vcard: "BEGIN:VCARD" } }, { messageType: "contact", content: "Ani", metadata: { contacts: [{ name: "Ani", vcard: "BEGIN:VCARD" }] } }],
    [
      "poll",
      { pollCreationMessageV3: { name: "Siapa?", options: [{ optionName: "a" }], selectableOptionsCount: 1 }, messageContextInfo: { messageSecret: secret } },
      { messageType: "poll", content: "Siapa?", metadata: { poll: { options: ["a"], selectable: 1 } } }
    ],
    ["view once", { viewOnceMessageV2: { message: { imageMessage: { mimetype: "image/jpeg" } } } }, { messageType: "image", content: null, metadata: { viewOnce: true, media: { mimetype: "image/jpeg" } } }],
    ["disappearing", { ephemeralMessage: { message: { extendedTextMessage: { text: "sst", contextInfo: { expiration: 86400 } } } } }, { messageType: "text", content: "sst", metadata: { ephemeral: true, expiresIn: 86400 } }],
    ["unknown", { requestPaymentMessage: { amount1000: 1 } }, { messageType: "unknown", content: null, metadata: { field: "requestPaymentMessage" } }],
    ["voice note", { audioMessage: { mimetype: "audio/ogg", seconds: 3, ptt: true } }, { messageType: "audio", content: null, metadata: { media: { mimetype: "audio/ogg", seconds: 3, voice: true } } }]
  ]
  it.each(incoming)("receives: %s", async (_, message, expected) => {
    const id = await budi.send(siti.phone, message)
    expect((await told("message.received", id)).data).toMatchObject(expected)
    expect(await row(id)).toMatchObject(expected)
  })

  it("sees edits and deletions of the other, and on its own phone", async () => {
    const id = await budi.send(siti.phone, "salah ketik")
    await told("message.received", id)
    await budi.send(siti.phone, { protocolMessage: { type: MESSAGE_EDIT, key: { remoteJid: siti.jid, fromMe: true, id }, editedMessage: { conversation: "benar" }, timestampMs: Date.now() } })
    expect((await told("message.edited", id)).data).toMatchObject({ content: "benar", from: budi.phone, fromMe: false })
    expect(await row(id)).toMatchObject({ content: "benar" })
    await budi.send(siti.phone, { protocolMessage: { type: REVOKE, key: { remoteJid: siti.jid, fromMe: true, id } } })
    await told("message.deleted", id)
    expect(await row(id)).toMatchObject({ content: null })

    const mine = await siti.send(budi.phone, "dari ponsel")
    await told("message.sent", mine)
    await siti.send(budi.phone, { protocolMessage: { type: MESSAGE_EDIT, key: { remoteJid: budi.jid, fromMe: true, id: mine }, editedMessage: { conversation: "dari ponsel!" }, timestampMs: Date.now() } })
    expect((await told("message.edited", mine)).data).toMatchObject({ content: "dari ponsel!", fromMe: true })
    // what the other one claims to have changed of ours is not believed
    await budi.send(siti.phone, { protocolMessage: { type: REVOKE, key: { remoteJid: siti.jid, fromMe: false, id: mine } } })
    const last = await budi.send(siti.phone, "terakhir")
    await told("message.received", last)
    expect(await row(mine)).toMatchObject({ content: "dari ponsel!", deletedAt: null })
  })

  it("marks as read, and shows that it writes", async () => {
    const id = await budi.send(siti.phone, "dibaca?")
    await told("message.received", id)
    const { read } = await post(`chats/${budi.phone}/read`, {})
    expect(read).toBeGreaterThan(0)
    await budi.waitForStatus(id, "read")
    await events.waitFor("chat.read", ({ data, type }) => type === "chat.read" && (data["messageIds"] as ReadonlyArray<string>).includes(id))
    expect(await row(id)).toMatchObject({ status: "read", readAt: expect.stringMatching(/Z$/) })
    expect((await post(`chats/${budi.phone}/read`, {})).read).toBe(0)

    const shown = emulator.waitFor("chatstate", ({ state }) => state === "composing")
    expect(await post(`chats/${budi.phone}/typing`, { state: "composing" })).toEqual({ chat: budi.jid, state: "composing" })
    expect((await shown).to).toBe(budi.jid)
    await service.ask("DELETE", `${base}/${device}/disconnect`)
    for (const path of ["read", "typing"]) {
      const refused = await service.call("POST", `${base}/${device}/chats/${budi.phone}/${path}`, {})
      expect([refused.status, refused.json.error?.code]).toEqual([409, "DEVICE_NOT_CONNECTED"])
    }
  })
})
