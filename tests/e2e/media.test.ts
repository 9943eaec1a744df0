import { createHash, randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sniff } from "../../src/domain/FileType.ts"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service, type SseEvent } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

const photo = await sampleFiles.picture(600, 300)

/** All files below a folder. */
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))

/** The built service, and a media server that loses, spoils and delays what is told to it. */
describe.each(e2eDatabases)("files, both ways, on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let budi: Phone
  let siti: Phone
  let device = ""
  let events: ReturnType<Service["events"]>
  let website: Server

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    siti = emulator.phone("6281211110001", "Siti")
    budi = emulator.phone("6281299990001", "Budi")
    website = createServer((request, response) => {
      if (request.url === "/away") return response.writeHead(302, { location: "/katalog.pdf" }).end()
      if (request.url === "/none") return response.writeHead(404).end()
      return response.writeHead(200, { "content-type": "text/html" }).end(sampleFiles.pdf(70_000))
    })
    await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve))
    service = await makeService({
      ...(await database.create()), WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, WA_MEDIA_CA: emulator.mediaCa,
      MEDIA_ALLOW_PRIVATE: "on"
    })
    await service.start()
    device = (await service.ask("POST", base, { deviceName: "Toko" })).deviceId
    await service.ask("POST", `${base}/${device}/connect`)
    const { qr } = await service.ask("GET", `${base}/${device}/qr`)
    await siti.scan(qr)
    await online()
    events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
  }, 120_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.stop()
    website?.close()
    service?.remove()
    await database.drop()
  }, 30_000)

  const online = () =>
    until("the device to be connected", async () =>
      (await service.ask("GET", `${base}/${device}/status`)).status === "connected" ? true : undefined)
  const upload = (path: string, fields: Record<string, string>, file: Buffer, fileName: string, headers: Record<string, string> = {}) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append("file", new Blob([new Uint8Array(file)]), fileName)
    return service.upload(`${base}/${device}/${path}`, form, headers)
  }
  const told = (type: string, messageId: string, matches: (event: SseEvent) => boolean = () => true) =>
    events.waitFor(`${type} of ${messageId}`, (event) => event.type === type && event.data["messageId"] === messageId && matches(event), 60_000)
  const get = (messageId: string, headers: Record<string, string> = {}) =>
    service.download(`${base}/${device}/messages/${messageId}/media`, headers)
  const row = async (messageId: string) =>
    (await service.ask("GET", `${base}/${device}/chat-history/${budi.phone}?limit=200`)).items.find((message: { messageId: string }) => message.messageId === messageId)
  const arrived = async (messageId: string) => {
    await budi.waitForMessage(({ id }) => id === messageId)
    return budi.medium(messageId)
  }

  it.each([
    ["image", photo, "foto.jpg", "image/jpeg"],
    ["video", sampleFiles.mp4(1_500_000), "film.mp4", "video/mp4"],
    ["audio", sampleFiles.mp3(), "lagu.mp3", "audio/mpeg"],
    ["voice", sampleFiles.ogg(), "suara.ogg", "audio/ogg; codecs=opus"],
    ["document", sampleFiles.pdf(), "../../Daftar Harga.pdf", "application/pdf"],
    ["sticker", sampleFiles.webp(), "stiker.webp", "image/webp"]
  ])("sends %s", async (type, file, name, mimetype) => {
    const { json, status } = await upload("send-media", { phone: budi.phone, type, caption: "lihat" }, file, name)
    expect([status, json.error]).toEqual([200, undefined])
    const { messageId } = json.data
    const medium = await arrived(messageId)
    expect(medium).toMatchObject({ kind: type === "voice" ? "ptt" : type, mimetype, facts: { fileLength: file.length } })
    expect(medium?.facts.fileSha256.toString("hex")).toBe(sha256(file))
    if (type === "image") {
      const { message } = await budi.waitForMessage(({ id }) => id === messageId)
      expect(message.imageMessage).toMatchObject({ width: 600, height: 300 })
      expect(sniff(Buffer.from(message.imageMessage?.jpegThumbnail ?? []))).toBe("image/jpeg")
    }
    const speaks = type === "image" || type === "video" || type === "document"
    expect(medium?.caption).toBe(speaks ? "lihat" : undefined)
    if (type === "document") expect(medium?.fileName).toBe("Daftar Harga.pdf")
    expect(await row(messageId)).toMatchObject({
      messageType: type === "voice" ? "audio" : type,
      content: speaks ? "lihat" : null,
      media: { state: "stored", reason: null },
      metadata: { media: { mimetype, size: file.length } }
    })
    const served = await get(messageId)
    expect([served.status, served.headers.get("content-type"), sha256(served.body)]).toEqual([200, mimetype, sha256(file)])
    expect(served.headers.get("content-disposition")).toMatch(/^attachment; filename="[^/\\]+"/)
  })

  it("sends what was uploaded before, what a message had, and what lies at an address", async () => {
    const file = sampleFiles.png()
    const stored = await upload("media", {}, file, "a.png")
    expect([stored.status, stored.json.data]).toMatchObject([201, { mimetype: "image/png", size: file.length, sha256: sha256(file) }])
    const send = (body: object) => service.ask("POST", `${base}/${device}/send-media`, { phone: budi.phone, ...body })
    const first = await send({ mediaId: stored.json.data.mediaId, caption: "satu" })
    const second = await send({ sourceMessageId: first.messageId })
    for (const { messageId } of [first, second]) expect((await arrived(messageId))?.facts.fileSha256.toString("hex")).toBe(sha256(file))
    const { port } = website.address() as AddressInfo
    const third = await send({ url: `http://127.0.0.1:${port}/away` })
    expect(await arrived(third.messageId)).toMatchObject({ kind: "document", mimetype: "application/pdf", fileName: "katalog.pdf" })
    const refused = await service.call("POST", `${base}/${device}/send-media`, { phone: budi.phone, url: `http://127.0.0.1:${port}/none` })
    expect([refused.status, refused.json.error]).toEqual([422, { code: "MEDIA_UNREACHABLE", details: { field: "url", reason: "status", status: 404 } }])
  })

  it("sends to a group", async () => {
    const group = budi.groups.create("Toko", [siti.phone])
    const file = sampleFiles.jpeg()
    const { json } = await upload(`groups/${group.jid}/send-media`, { caption: "grup" }, file, "x.jpg")
    expect(await arrived(json.data.messageId)).toMatchObject({ kind: "image", caption: "grup" })
  })

  it("sends once however often it is asked with one key", async () => {
    const file = sampleFiles.jpeg()
    const before = filesIn(join(service.dataDir, "media")).length
    const call = () => upload("send-media", { phone: budi.phone, caption: "sekali" }, file, "x.jpg", { "idempotency-key": "k-1" })
    const [first, second] = [await call(), await call()]
    expect(second.json.data.messageId).toBe(first.json.data.messageId)
    expect(second.headers.get("idempotency-replayed")).toBe("true")
    expect(filesIn(join(service.dataDir, "media")).length).toBe(before + 1)
    const other = await upload("send-media", { phone: budi.phone, caption: "sekali" }, sampleFiles.jpeg(), "x.jpg", { "idempotency-key": "k-1" })
    expect(other.json.error?.code).toBe("IDEMPOTENCY_CONFLICT")
    expect(filesIn(join(service.dataDir, "media")).length).toBe(before + 1)
  })

  it.each([
    ["image", sampleFiles.jpeg(200_000), "image/jpeg"],
    ["video", sampleFiles.mp4(2_000_000), "video/mp4"],
    ["audio", sampleFiles.mp3(), "audio/mpeg"],
    ["ptt", sampleFiles.ogg(), "audio/ogg; codecs=opus"],
    ["document", sampleFiles.pdf(), "application/pdf"],
    ["sticker", sampleFiles.webp(), "image/webp"]
  ] as const)("fetches what comes: %s", async (kind, source, mimetype) => {
    const id = await budi.sendMedia(siti.phone, { kind, source, ...(kind === "document" && { fileName: "Ha\"rga\n.pdf" }) })
    expect((await told("message.received", id)).data).toMatchObject({ media: { state: "pending" }, metadata: { media: { size: source.length } } })
    expect((await told("message.media", id)).data).toMatchObject({ state: "stored", media: { mimetype, size: source.length, sha256: sha256(source) } })
    const served = await get(id)
    expect([served.status, served.headers.get("content-type"), sha256(served.body)]).toEqual([200, mimetype, sha256(source)])
    expect(served.headers.get("x-content-type-options")).toBe("nosniff")
    expect(await row(id)).toMatchObject({ media: { state: "stored" } })
  })

  it("serves parts of a file, and nothing that is known already", async () => {
    const source = sampleFiles.mp4(100_000)
    const id = await budi.sendMedia(siti.phone, { kind: "video", source })
    await told("message.media", id)
    const part = await get(id, { range: "bytes=1000-1999" })
    expect([part.status, part.headers.get("content-range"), part.body.equals(source.subarray(1000, 2000))]).toEqual([206, "bytes 1000-1999/100000", true])
    expect((await get(id, { range: "bytes=-10" })).body.equals(source.subarray(-10))).toBe(true)
    expect([(await get(id, { range: "bytes=100000-" })).status, (await get(id, { range: "bytes=5-1" })).status]).toEqual([416, 200])
    const etag = part.headers.get("etag")!
    expect((await get(id, { "if-none-match": etag })).status).toBe(304)
    expect((await get(id, { range: "bytes=0-1", "if-range": "\"other\"" })).status).toBe(200)
  })

  it.each(["cut", "corrupt", "short", "reset", "status"] as const)("fetches again what came %s", async (how) => {
    const source = sampleFiles.jpeg(150_000)
    emulator.faults.add({ kind: "download", how, times: 1 })
    const id = await budi.sendMedia(siti.phone, { kind: "image", source })
    expect((await told("message.media", id)).data).toMatchObject({ state: "stored" })
    expect(sha256((await get(id)).body)).toBe(sha256(source))
  }, 60_000)

  it("asks the phone for what WhatsApp no longer has, and says so if it has nothing either", async () => {
    const source = sampleFiles.jpeg()
    const sendExpired = async () => {
      emulator.faults.add({ kind: "download", how: "status", status: 410, times: 1 })
      const id = await budi.sendMedia(siti.phone, { kind: "image", source })
      budi.expireMedium(id)
      return id
    }
    const id = await sendExpired()
    expect((await told("message.media", id)).data).toMatchObject({ state: "stored" })
    expect(emulator.stats.reuploads).toBeGreaterThan(0)
    siti.reuploads = "not-found"
    const lost = await sendExpired()
    expect((await told("message.media", lost)).data).toMatchObject({ state: "expired", reason: "gone", media: null })
    const refused = await service.call("GET", `${base}/${device}/messages/${lost}/media`)
    expect([refused.status, refused.json.error]).toEqual([409, { code: "MEDIA_NOT_STORED", details: { messageId: lost, state: "expired", reason: "gone" } }])
    siti.reuploads = "yes"
    expect((await service.ask("POST", `${base}/${device}/messages/${lost}/media`)).state).toBe("pending")
    await told("message.media", lost, ({ data }) => data["state"] === "stored")
    expect(sha256((await get(lost)).body)).toBe(sha256(source))
  }, 60_000)

  it("uploads again what did not get through, and keeps the chat's order", async () => {
    emulator.faults.add({ kind: "upload", how: "reset", times: 1 })
    const file = sampleFiles.jpeg()
    const media = await upload("send-media?wait=accepted", { phone: budi.phone, caption: "dulu" }, file, "x.jpg")
    const text = await service.ask("POST", `${base}/${device}/send-message?wait=accepted`, { phone: budi.phone, message: "kemudian" })
    await arrived(media.json.data.messageId)
    await budi.waitForMessage(({ id }) => id === text.messageId)
    const order = budi.inbox.map(({ id }) => id)
    expect(order.indexOf(media.json.data.messageId)).toBeLessThan(order.indexOf(text.messageId))
  }, 60_000)

  it("goes on after a kill in the middle, both ways", async () => {
    const [coming, going] = [sampleFiles.jpeg(400_000), sampleFiles.pdf(400_000)]
    emulator.faults.add({ kind: "download", how: "hang", times: 1 })
    const incoming = await budi.sendMedia(siti.phone, { kind: "image", source: coming })
    await told("message.received", incoming)
    emulator.faults.add({ kind: "upload", how: "hang", times: 1 })
    const sent = await upload("send-media?wait=accepted", { phone: budi.phone }, going, "surat.pdf")
    expect(sent.status).toBe(202)
    await service.end("SIGKILL")
    await events.close()
    emulator.faults.clear()
    await service.start()
    await online()
    expect((await arrived(sent.json.data.messageId))?.facts.fileSha256.toString("hex")).toBe(sha256(going))
    await until("the file to be stored", async () => (await row(incoming)).media.state === "stored" ? true : undefined, 60_000)
    expect(sha256((await get(incoming)).body)).toBe(sha256(coming))
    events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
  }, 120_000)

  it("keeps nothing of what was taken back", async () => {
    const source = randomBytes(1000)
    const id = await budi.sendMedia(siti.phone, { kind: "document", source, fileName: "rahasia.bin" })
    await told("message.media", id)
    await budi.messages.revoke(id)
    await told("message.deleted", id)
    const gone = await service.call("GET", `${base}/${device}/messages/${id}/media`)
    expect([gone.status, gone.json.error?.code]).toEqual([404, "MESSAGE_HAS_NO_MEDIA"])
  })
})
