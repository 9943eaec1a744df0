import { createHash } from "node:crypto"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service } from "../support/service.ts"

const api = "/api/whatsapp-multi-device"
const numbers = Array.from({ length: 6 }, (_, index) => `628129999000${index}`)
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

/** What arrived at a person, once each. */
const arrived = async (friend: Phone) =>
  Promise.all(friend.inbox.filter(({ duplicateOf }) => duplicateOf === undefined).map(async ({ id }) => {
    const medium = await friend.medium(id)
    return [medium?.caption, medium?.facts.fileSha256.toString("hex")]
  }))

describe.each(e2eDatabases)("a job that sends a file on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let siti: Phone
  let friends: ReadonlyArray<Phone>
  let device = ""

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    siti = emulator.phone("6281211110001", "Siti")
    friends = numbers.map((number) => emulator.phone(number))
    service = await makeService({
      WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, WA_MEDIA_CA: emulator.mediaCa, ...(await database.create())
    })
    await service.start()
    device = (await service.ask("POST", `${api}/devices`, { deviceName: "Toko" })).deviceId
    await service.ask("POST", `${api}/devices/${device}/connect`)
    const { qr } = await service.ask("GET", `${api}/devices/${device}/qr`)
    await siti.scan(qr)
    await connected()
  }, 120_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
  }, 30_000)

  const connected = () =>
    until("the device to be connected", async () =>
      (await service.ask("GET", `${api}/devices/${device}/status`)).status === "connected" ? true : undefined, 60_000)
  const upload = (path: string, fields: Record<string, string>, file: Buffer) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append("file", new Blob([new Uint8Array(file)]), "foto.jpg")
    return service.upload(`${api}/devices/${device}/${path}`, form)
  }
  const files = () => readdirSync(join(service.dataDir, "media"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
  const reached = (jobId: string, matches: (job: { status: string; progress: { completed: number; failed: number } }) => boolean) =>
    until(`${jobId} to go on`, async () => {
      const job = await service.ask("GET", `${api}/jobs/${jobId}`)
      return matches(job) ? job : undefined
    }, 90_000)

  it("puts the file on WhatsApp's server once, and each gets it with his own words", async () => {
    const file = sampleFiles.jpeg(200_000)
    const [before, stored] = [emulator.stats.uploads, files()]
    const messages = JSON.stringify(numbers.map((to, index) => ({ to, variables: { name: `Nama ${index}` } })))
    const { json, status } = await upload("jobs/send-media", { delay: "0", caption: "Halo {{name}}", messages }, file)
    expect([status, json.data]).toMatchObject([201, { status: "queued", total: 6 }])
    await reached(json.data.jobId, (job) => job.status === "completed")
    for (const [index, friend] of friends.entries()) expect(await arrived(friend)).toEqual([[`Halo Nama ${index}`, sha256(file)]])
    expect([emulator.stats.uploads - before, files() - stored]).toEqual([1, 1])
  }, 120_000)

  it("survives pauses and the end of its process, and uploads once more after that", async () => {
    const file = sampleFiles.jpeg(100_000)
    const { data: { mediaId } } = (await upload("media", {}, file)).json
    const [before, had] = [emulator.stats.uploads, friends.map(({ inbox }) => inbox.length)]
    const { jobId } = await service.ask("POST", `${api}/devices/${device}/jobs/send-media`, { mediaId, recipients: numbers, delay: 1 })
    await reached(jobId, ({ progress }) => progress.completed >= 2)
    await service.ask("POST", `${api}/jobs/${jobId}/pause`)
    await service.end("SIGKILL")
    await service.start()
    await connected()
    expect((await service.ask("GET", `${api}/jobs/${jobId}`)).status).toBe("paused")
    await service.ask("POST", `${api}/jobs/${jobId}/resume`)
    await reached(jobId, (job) => job.status === "completed")
    for (const [index, friend] of friends.entries()) {
      const all = await arrived(friend)
      expect(all.slice(had[index])).toEqual([[undefined, sha256(file)]])
    }
    expect(emulator.stats.uploads - before).toBe(2)
  }, 180_000)

  it("sends again what failed, and stops when it is cancelled", async () => {
    const file = sampleFiles.jpeg()
    const stranger = "6281277770001"
    const { json } = await upload("jobs/send-media", { delay: "0", messages: `to,caption\n${stranger},Untuk Anda\n` }, file)
    const { jobId } = json.data
    await reached(jobId, ({ progress, status }) => status === "completed" && progress.failed === 1)
    const friend = emulator.phone(stranger)
    await service.ask("POST", `${api}/jobs/${jobId}/retry-failed`)
    await reached(jobId, ({ progress }) => progress.completed === 1)
    expect(await arrived(friend)).toEqual([["Untuk Anda", sha256(file)]])
    const slow = await upload("jobs/send-media", { delay: "60", messages: JSON.stringify(numbers) }, file)
    await reached(slow.json.data.jobId, ({ progress }) => progress.completed === 1)
    const { progress, status } = await service.ask("POST", `${api}/jobs/${slow.json.data.jobId}/cancel`)
    expect([status, progress.completed, progress.cancelled, progress.pending]).toEqual(["cancelled", 1, 5, 0])
  }, 120_000)

  it("sends into a group, in order", async () => {
    const [budi] = friends
    const group = budi!.groups.create("Toko", [siti.phone])
    const file = sampleFiles.jpeg()
    const before = emulator.stats.uploads
    const had = budi!.inbox.length
    const captions = ["satu", "dua", "tiga"]
    const { json } = await upload(`groups/${group.jid}/jobs/send-media`, { delay: "0", messages: JSON.stringify(captions.map((caption) => ({ caption }))) }, file)
    await reached(json.data.jobId, (job) => job.status === "completed")
    expect((await arrived(budi!)).slice(had)).toEqual(captions.map((caption) => [caption, sha256(file)]))
    expect(emulator.stats.uploads - before).toBe(1)
    const unknown = await upload("groups/120363999999999999/jobs/send-media", {}, file)
    expect([unknown.status, unknown.json.error?.code]).toEqual([404, "GROUP_NOT_FOUND"])
  }, 120_000)
})
