import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const api = "/api/whatsapp-multi-device"
const day = 86_400_000
const unhurried = { gapMin: 0, gapMax: 0, recipientGap: 0 }
const strangers = Array.from({ length: 5 }, (_, index) => `628129999010${index}`)

describe.each(e2eDatabases)("pacing on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let device = ""
  const ofDevice = (method: string, path: string, body?: unknown) => service.ask(method, `${api}/devices/${device}${path}`, body)
  const arrived = () => strangers.flatMap((stranger) => emulator.phone(stranger).inbox.flatMap(({ fromMe, text }) => fromMe ? [] : [text]))

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    for (const stranger of strangers) emulator.phone(stranger)
    service = await makeService({
      ...(await database.create()), WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, PACING: "on"
    })
    await service.start()
    device = (await service.ask("POST", `${api}/devices`, { deviceName: "Toko" })).deviceId
    // a device that is connected learns of a change some seconds later
    const { now } = await ofDevice("PUT", "/pacing", { ...unhurried, newChatsPerDay: 2, warmUpNewChats: 2 })
    expect(now.newChats).toEqual({ used: 0, allowed: 2 })
    await ofDevice("POST", "/connect")
    const { qr } = await ofDevice("GET", "/qr")
    await emulator.phone("6281211110001", "Toko").scan(qr)
    await until("the device to be connected", async () => (await ofDevice("GET", "/status")).status === "connected" || undefined, 30_000)
  }, 120_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
  }, 30_000)

  it("what is set for a device holds its job where it should, and says so; replies pass, and a change lets it go on", async () => {
    const begun = Date.now()
    const messages = strangers.map((to, index) => ({ to, message: `promo ${index}` }))
    const { jobId } = await ofDevice("POST", "/jobs/send-text", { messages, delay: 0 })
    const job = () => service.ask("GET", `${api}/jobs/${jobId}`)
    const held = await until("the job to be held", async () => {
      const { progress, waitingFor } = await job()
      // the third waits as soon as the second has its place in the day, which is before WhatsApp has taken the second
      return waitingFor?.reason === "new_chats" && progress.completed >= 2 ? { progress, until: Date.parse(waitingFor.until) } : undefined
    }, 60_000)
    expect(held.progress).toMatchObject({ completed: 2, pending: 3, failed: 0 })
    expect(held.until).toBeGreaterThan(begun + day - 60_000)
    expect(held.until).toBeLessThan(Date.now() + day + 3_600_000)
    expect(arrived().toSorted()).toEqual(["promo 0", "promo 1"])

    // who has written is no stranger
    await emulator.phone(strangers[4]!).send("6281211110001", "masih ada?")
    await until("the question", async () => (await ofDevice("GET", `/chat-history/${strangers[4]}@s.whatsapp.net?direction=incoming`)).items.length > 0 || undefined, 30_000)
    const reply = await ofDevice("POST", "/send-message", { phone: strangers[4], message: "ada" })
    expect(reply.status).toBe("sent")

    await ofDevice("PUT", "/pacing", { ...unhurried, newChatsPerDay: 100, warmUpNewChats: 100 })
    const over = await until("the job to end", async () => {
      const now = await job()
      return now.status === "completed" ? now : undefined
    }, 60_000)
    expect([over.progress.completed, over.waitingFor]).toEqual([5, null])
    expect(arrived().toSorted()).toEqual(["ada", ...messages.map(({ message }) => message)])
  }, 180_000)
})
