import { createHash } from "node:crypto"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { until } from "../support/process.ts"
import { startS3Server } from "../support/s3Server.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

describe("files in a bucket, by the built service", () => {
  let emulator: EmulatorServer
  let s3: Awaited<ReturnType<typeof startS3Server>>
  let service: Service
  let siti: Phone
  let budi: Phone
  let device = ""

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    s3 = await startS3Server()
    siti = emulator.phone("6281211110001", "Siti")
    budi = emulator.phone("6281299990001", "Budi")
    service = await makeService({
      WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, WA_MEDIA_CA: emulator.mediaCa, ...s3.environment
    })
    await service.start()
    device = (await service.ask("POST", base, { deviceName: "Toko" })).deviceId
    await service.ask("POST", `${base}/${device}/connect`)
    const { qr } = await service.ask("GET", `${base}/${device}/qr`)
    await siti.scan(qr)
    await until("the device to be connected", async () =>
      (await service.ask("GET", `${base}/${device}/status`)).status === "connected" ? true : undefined)
  }, 120_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.stop()
    await s3?.end()
    service?.remove()
  }, 30_000)

  it("go out from it and come into it, whole and in parts, and nothing lies on the disk", async () => {
    const film = sampleFiles.mp4(20_000_000)
    const form = new FormData()
    form.append("phone", budi.phone)
    form.append("file", new Blob([new Uint8Array(film)]), "film.mp4")
    const { json, status } = await service.upload(`${base}/${device}/send-media?timeout=60`, form)
    expect([status, json.error]).toEqual([200, undefined])
    const { messageId } = json.data
    await budi.waitForMessage(({ id }) => id === messageId)
    expect((await budi.medium(messageId))?.facts.fileSha256.toString("hex")).toBe(sha256(film))
    const part = await service.download(`${base}/${device}/messages/${messageId}/media`, { range: "bytes=9000000-9000999" })
    expect([part.status, part.body.equals(film.subarray(9_000_000, 9_001_000))]).toEqual([206, true])

    const picture = sampleFiles.jpeg(300_000)
    const incoming = await budi.sendMedia(siti.phone, { kind: "image", source: picture })
    const served = await until("the picture to be stored", async () => {
      const answer = await service.download(`${base}/${device}/messages/${incoming}/media`)
      return answer.status === 200 ? answer : undefined
    }, 60_000)
    expect(sha256(served.body)).toBe(sha256(picture))
    expect(existsSync(join(service.dataDir, "media"))).toBe(false)
    const objects = readdirSync(s3.directory, { recursive: true, withFileTypes: true })
    expect(objects.filter((entry) => entry.isFile() && entry.name.endsWith("_object"))).toHaveLength(2)
  }, 120_000)
})
