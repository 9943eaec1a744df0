import { createHash, randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { Agent as HttpsAgent } from "node:https"
import { downloadContentFromMessage, downloadMediaMessage, type WAMessage, type WASocket } from "@whiskeysockets/baileys"
import { Agent } from "undici"
import { describe, expect, it, onTestFinished } from "vitest"
import type { AttachmentKind } from "../../src/emulator/media/MediaKind.ts"
import type { EmulatorServer } from "../../src/emulator/EmulatorServer.ts"
import type { Client } from "./client.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()
const jid = `${BUDI}@s.whatsapp.net`

/** A client that trusts the emulator's authority, as the service does with WA_MEDIA_CA. */
const withMedia = async () => {
  const all = await world()
  const { mediaCa } = all.server
  const agent = new HttpsAgent({ ca: mediaCa })
  const dispatcher = new Agent({ connect: { ca: mediaCa } })
  onTestFinished(async () => {
    agent.destroy()
    await dispatcher.destroy()
  })
  const client = await all.link(SITI, { fetchAgent: agent, options: { dispatcher } as object })
  const options = { options: { dispatcher } as object }
  const download = (message: WAMessage) => downloadMediaMessage(message, "buffer", options)
  return { ...all, client, dispatcher, download, options }
}

const untilId = async (client: Client, id: string): Promise<WAMessage> => {
  const find = () => client.messages.find(({ message }) => message.key.id === id)?.message
  await client.until(() => find() !== undefined, `message ${id}`)
  return find() ?? { key: {} }
}

const fetchFrom = (server: EmulatorServer, dispatcher: Agent, path: string, headers: Record<string, string> = {}) =>
  fetch(`https://${server.media.server.host}${path}`, { headers, dispatcher } as unknown as object)

describe("media from a phone", () => {
  const kinds: ReadonlyArray<AttachmentKind> = ["image", "video", "audio", "ptt", "document", "sticker"]
  it.each(kinds)("%s can be fetched and opened by a linked device", async (kind) => {
    const { budi, client, download } = await withMedia()
    const source = randomBytes(100_003)
    const thumbnail = Buffer.from("kecil")
    const id = await budi.sendMedia(SITI, { kind, source, caption: "lihat", fileName: "a.bin", thumbnail })
    const message = await untilId(client, id)
    expect((await download(message)).equals(source)).toBe(true)
    const { audioMessage, documentWithCaptionMessage, imageMessage, stickerMessage } = message.message ?? {}
    if (kind === "image") expect(imageMessage).toMatchObject({ caption: "lihat", mimetype: "image/jpeg", jpegThumbnail: new Uint8Array(thumbnail) })
    if (kind === "ptt") expect(audioMessage?.ptt).toBe(true)
    if (kind === "audio") expect(audioMessage?.ptt).toBe(false)
    if (kind === "sticker") expect(stickerMessage?.mimetype).toBe("image/webp")
    const document = documentWithCaptionMessage?.message?.documentMessage
    if (kind === "document") expect(document).toMatchObject({ caption: "lihat", fileName: "a.bin" })
  })

  it("can be fetched in parts", async () => {
    const { budi, client, options } = await withMedia()
    const source = randomBytes(200_000)
    const { message } = await untilId(client, await budi.sendMedia(SITI, { kind: "video", source }))
    const part = await downloadContentFromMessage(message?.videoMessage ?? {}, "video", { ...options, startByte: 100_000, endByte: 150_000 })
    const pieces: Array<Buffer> = []
    for await (const piece of part) pieces.push(piece as Buffer)
    expect(Buffer.concat(pieces).equals(source.subarray(100_000, 150_000))).toBe(true)
  })

  it("in a group, and once only, comes to every device", async () => {
    const { ani, budi, client, download } = await withMedia()
    const group = budi.groups.create("Foto", [SITI, ANI])
    const source = randomBytes(5_000)
    const id = await budi.sendMedia(group.jid, { kind: "image", source, viewOnce: true })
    expect((await download(await untilId(client, id))).equals(source)).toBe(true)
    expect(await ani.medium(id)).toMatchObject({ kind: "image", viewOnce: true })
  })
})

describe("media from a linked device", () => {
  it("lies on the server sealed, and is what the message says", async () => {
    const { budi, client, server, siti } = await withMedia()
    const content = randomBytes(300_000)
    const send = (message: Parameters<WASocket["sendMessage"]>[1]) => client.socket.sendMessage(jid, message)
    const document = await send({ document: content, mimetype: "application/zip", fileName: "b.zip", caption: "arsip" })
    const voice = await send({ audio: content, ptt: true, mimetype: "audio/ogg; codecs=opus", seconds: 3 })
    const video = await send({ video: content, caption: "film", jpegThumbnail: "", viewOnce: true })
    const sticker = await send({ sticker: content })
    const facts = { fileLength: content.length, fileSha256: sha256(content) }
    const expected = [
      [document, { kind: "document", mimetype: "application/zip", fileName: "b.zip", caption: "arsip" }],
      [voice, { kind: "ptt", mimetype: "audio/ogg; codecs=opus" }],
      [video, { kind: "video", caption: "film", viewOnce: true }],
      [sticker, { kind: "sticker" }]
    ] as const
    for (const [sent, what] of expected) {
      const id = sent?.key.id ?? ""
      await budi.waitForMessage((each) => each.id === id)
      expect(await budi.medium(id)).toMatchObject({ ...what, facts })
    }
    await siti.waitForMessage((each) => each.id === sticker?.key.id)
    expect(await siti.medium(sticker?.key.id ?? "")).toMatchObject({ kind: "sticker", facts })
    expect(server.stats).toMatchObject({ uploads: 4, undecryptable: 0 })
    const { fileSha256, fileEncSha256 } = sticker?.message?.stickerMessage ?? {}
    expect(Buffer.from(fileSha256 ?? []).equals(Buffer.from(fileEncSha256 ?? []))).toBe(false)
  })

  it("is refused without the right token, or when it is not what its name says", async () => {
    const { dispatcher, server } = await withMedia()
    const host = `https://${server.media.server.host}`
    const post = (path: string) => fetch(host + path, { method: "POST", body: "halo", dispatcher } as unknown as object)
    const name = sha256(Buffer.from("halo")).toString("base64url")
    const auth = encodeURIComponent(server.media.server.auth)
    expect((await post(`/mms/image/${name}?auth=x`)).status).toBe(401)
    expect((await post(`/mms/image/${name.toLowerCase()}?auth=${auth}`)).status).toBe(400)
    const good = await post(`/mms/image/${name}?auth=${auth}`)
    const { direct_path: path, url } = await good.json() as { direct_path: string; url: string }
    expect(url).toBe(host + path)
    expect(await (await fetchFrom(server, dispatcher, path)).text()).toBe("halo")
    const part = await fetchFrom(server, dispatcher, path, { range: "bytes=1-2" })
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 1-2/4", "al"])
    expect((await fetchFrom(server, dispatcher, path, { range: "bytes=9-" })).status).toBe(416)
    expect((await fetchFrom(server, dispatcher, "/v/none")).status).toBe(404)
  })

  it("is told that an upload failed", async () => {
    const { client, server } = await withMedia()
    server.faults.add({ kind: "upload", how: "status", status: 500, times: 1 })
    const send = () => client.socket.sendMessage(jid, { document: Buffer.from("x"), mimetype: "text/plain" })
    await expect(send()).rejects.toThrow("Media upload failed")
    server.faults.add({ kind: "upload", how: "reset", times: 1 })
    await expect(send()).rejects.toThrow("Media upload failed")
    server.faults.add({ kind: "upload", how: "slow", ms: 50, times: 1 })
    expect((await send())?.key.id).toBeDefined()
  })
})

describe("a medium that cannot be fetched", () => {
  it("is cut off, spoiled, refused or late, as told", async () => {
    const { budi, client, dispatcher, download, server } = await withMedia()
    const source = randomBytes(200_000)
    const message = await untilId(client, await budi.sendMedia(SITI, { kind: "image", source }))
    for (const how of ["short", "reset", "status"] as const) {
      server.faults.add({ kind: "download", how, times: 1 })
      expect(await download(message).catch(() => "failed")).toBe("failed")
    }
    // Not through Baileys: it leaves the error of a download that is cut off to nobody.
    server.faults.add({ kind: "download", how: "cut", times: 1 })
    const cut = await fetchFrom(server, dispatcher, message.message?.imageMessage?.directPath ?? "")
    await expect(cut.arrayBuffer()).rejects.toThrow("terminated")
    server.faults.add({ kind: "download", how: "corrupt", times: 1 })
    expect((await download(message)).equals(source)).toBe(false)
    server.faults.add({ kind: "download", how: "slow", ms: 20, times: 1 })
    expect((await download(message)).equals(source)).toBe(true)
  })

  it("is uploaded again by one's own phone", async () => {
    const { budi, client, download, server } = await withMedia()
    const source = randomBytes(1_000)
    const id = await budi.sendMedia(SITI, { kind: "image", source })
    const message = await untilId(client, id)
    budi.expireMedium(id)
    expect(await download(message).catch(() => "failed")).toBe("failed")
    // Until it has asked for the media servers once, Baileys takes WhatsApp's own for the renewed address.
    await client.socket.refreshMediaConn()
    const renewed = await client.socket.updateMediaMessage(message)
    expect((await download(renewed)).equals(source)).toBe(true)
    expect(server.stats.reuploads).toBe(1)
  })

  it("is lost when that phone does not have it", async () => {
    const { budi, client, siti } = await withMedia()
    const message = await untilId(client, await budi.sendMedia(SITI, { kind: "image", source: Buffer.from("x") }))
    siti.reuploads = "not-found"
    const lost = await client.socket.updateMediaMessage(message).catch((error: unknown) => error)
    expect(lost).toMatchObject({ output: { statusCode: 404 } })
  })

  it("leaves nothing behind when the server stops", async () => {
    const { budi, server } = await withMedia()
    await budi.sendMedia(SITI, { kind: "document", source: { size: 3_000_000 }, fileName: "besar" })
    const directory = await server.media.store.directory
    expect(existsSync(directory)).toBe(true)
    await server.stop()
    expect(existsSync(directory)).toBe(false)
  })
})
