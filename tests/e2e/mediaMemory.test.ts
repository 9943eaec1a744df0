import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { until } from "../support/process.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const megabyte = 1024 * 1024
/** The largest videos on twenty devices at once take minutes on a small machine: `MEDIA_FULL=1`. */
const full = process.env["MEDIA_FULL"] === "1"
const size = (full ? 100 : 30) * megabyte
const devices = full ? 20 : 4
/** Well below what all files would take, and what one of them would if it were held as a whole and sealed. */
const bound = (full ? 200 : 80) * megabyte

const patience = full ? 600_000 : 120_000

describe("memory", () => {
  let emulator: EmulatorServer
  let service: Service
  const ids: Array<string> = []

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    service = await makeService({ WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, WA_MEDIA_CA: emulator.mediaCa })
    await service.start()
    emulator.phone("6281299990001", "Budi")
    for (let index = 0; index < devices; index++) {
      const phone = emulator.phone(`62812111100${10 + index}`, `Toko ${index}`)
      const { deviceId } = await service.ask("POST", base, { deviceName: `Toko ${index}` })
      await service.ask("POST", `${base}/${deviceId}/connect`)
      const { qr } = await service.ask("GET", `${base}/${deviceId}/qr`)
      await phone.scan(qr)
      await until("the device to be connected", async () =>
        (await service.ask("GET", `${base}/${deviceId}/status`)).status === "connected" ? true : undefined, 60_000)
      ids.push(deviceId)
    }
  }, 180_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
  }, 30_000)

  const resident = async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text()
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
  }
  const send = (deviceId: string, file: Buffer) => {
    const form = new FormData()
    form.append("phone", "6281299990001")
    form.append("type", "video")
    form.append("file", new Blob([new Uint8Array(file)]), "film.mp4")
    return service.upload(`${base}/${deviceId}/send-media?wait=accepted`, form)
  }

  it("does not grow with the files that are sent at the same time", async () => {
    for (const deviceId of ids) await send(deviceId, sampleFiles.mp4(megabyte))
    const before = await resident()
    let most = before
    const watch = { done: false }
    const watching = (async () => {
      while (!watch.done) {
        most = Math.max(most, await resident())
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })()
    const file = sampleFiles.mp4(size)
    const answers = await Promise.all(ids.map((deviceId) => send(deviceId, file)))
    await Promise.all(answers.map(({ json }) => emulator.phone("6281299990001").waitForMessage(({ id }) => id === json.data.messageId, { timeoutMs: patience })))
    watch.done = true
    await watching
    process.stdout.write(`${devices} files of ${size / megabyte} MiB: ${Math.round((most - before) / megabyte)} MiB more than before\n`)
    expect(most - before).toBeLessThan(bound)
  }, 2 * patience)
})
