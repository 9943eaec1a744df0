import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const api = "/api/whatsapp-multi-device"
const phone = "6281211110001"
const chats = Array.from({ length: 12 }, (_, index) => `62812999900${String(index + 10)}`)
const kills = Number(process.env["JOB_KILLS"] ?? 5)

interface Arrived {
  readonly id: string
  readonly text: string
  readonly duplicateOf?: string
}

describe.each(e2eDatabases)("a job on $name", (database) => {
  let emulator: EmulatorProcess
  let service: Service
  let device = ""

  beforeAll(async () => {
    emulator = await startEmulatorProcess()
    for (const each of [phone, ...chats]) await emulator.ask("POST", "/phones", { phone: each })
    service = await makeService({ ...emulator.environment, ...(await database.create()) })
    await service.start()
    device = (await service.ask("POST", `${api}/devices`, { deviceName: "Toko" })).deviceId
    await service.ask("POST", `${api}/devices/${device}/connect`)
    const { qr } = await service.ask("GET", `${api}/devices/${device}/qr`)
    await emulator.ask("POST", `/phones/${phone}/scan`, { qr })
    await connected()
  }, 120_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.end()
    service?.remove()
    await database.drop()
  }, 30_000)

  const connected = () =>
    until("the device to be connected", async () =>
      (await service.ask("GET", `${api}/devices/${device}/status`)).status === "connected" ? true : undefined, 60_000)
  const inbox = async (of: string): Promise<ReadonlyArray<Arrived>> => {
    const answer = await emulator.ask("GET", `/phones/${of}/messages`)
    return Array.isArray(answer) ? answer : answer.messages ?? answer.items
  }
  const over = (jobId: string, timeout = 120_000) =>
    until(`${jobId} to be over`, async () => {
      const job = await service.ask("GET", `${api}/jobs/${jobId}`)
      return job.status === "completed" || job.status === "cancelled" ? job : undefined
    }, timeout)

  it("survives the end of its process at any moment: each message arrives once, in the order of its chat", async () => {
    const messages = Array.from({ length: 60 }, (_, index) => ({ to: chats[index % chats.length], message: `pesan ${index}` }))
    const { jobId, status, total } = await service.ask("POST", `${api}/devices/${device}/jobs/send-text`, { messages, delay: 0.1 })
    expect([status, total]).toEqual(["queued", 60])
    for (let kill = 0; kill < kills; kill++) {
      // at most so far before the end that there is something left for the others
      const reached = Math.floor((kill + Math.random()) * 50 / kills)
      await until("the job to go on", async () => {
        const { progress } = await service.ask("GET", `${api}/jobs/${jobId}`)
        return progress.completed >= reached ? true : undefined
      }, 60_000)
      await service.end("SIGKILL")
      await service.start()
    }
    const job = await over(jobId)
    expect(job).toMatchObject({ status: "completed", progress: { total: 60, completed: 60, failed: 0, pending: 0, cancelled: 0 } })
    const { items } = await service.ask("GET", `${api}/jobs/${jobId}/results?limit=100`)
    expect(items.map(({ to }: { to: string }) => to)).toEqual(messages.map(({ to }) => `${to}@s.whatsapp.net`))
    const ids: ReadonlyArray<string> = items.map(({ messageId }: { messageId: string }) => messageId)
    expect(new Set(ids).size).toBe(60)
    for (const [chat, of] of chats.entries()) {
      const arrived = (await inbox(of)).filter(({ duplicateOf }) => duplicateOf === undefined)
      const mine = messages.flatMap(({ message }, index) => index % chats.length === chat ? [[ids[index], message]] : [])
      expect(arrived.map(({ id, text }) => [id, text])).toEqual(mine)
    }
  }, 300_000)

  it("keeps its delay, tells how it goes, and takes a CSV file", async () => {
    const events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
    await connected()
    const response = await fetch(`${service.url}${api}/devices/${device}/jobs/send-text?delay=1&message=${encodeURIComponent("Halo {{name}}!")}`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.token()}`, "content-type": "text/csv" },
      body: `to,name\n${chats.slice(0, 3).map((to, index) => `${to},Nama ${index}`).join("\n")}\n`
    })
    const { data } = await response.json() as { data: { jobId: string; total: number } }
    expect([response.status, data.total]).toEqual([201, 3])
    await over(data.jobId)
    const { items } = await service.ask("GET", `${api}/jobs/${data.jobId}/results`)
    const times = items.map(({ sentAt }: { sentAt: string }) => Date.parse(sentAt))
    // WhatsApp tells whole seconds
    expect(times[2] - times[0]).toBeGreaterThanOrEqual(1000)
    for (const index of [0, 1, 2]) expect((await inbox(chats[index]!)).at(-1)!.text).toBe(`Halo Nama ${index}!`)
    await events.waitFor("job.progress", (event) => event.type === "job.progress" && event.data["jobId"] === data.jobId)
    await events.waitFor("job.completed", (event) => event.type === "job.completed" && event.data["jobId"] === data.jobId)
    await events.close()
  }, 120_000)

  it("stops when it is cancelled", async () => {
    const messages = chats.map((to) => ({ to, message: "jangan" }))
    const { jobId } = await service.ask("POST", `${api}/devices/${device}/jobs/send-text`, { messages, delay: 60 })
    await until("the first message", async () =>
      (await service.ask("GET", `${api}/jobs/${jobId}`)).progress.completed === 1 ? true : undefined, 60_000)
    const { progress, status } = await service.ask("POST", `${api}/jobs/${jobId}/cancel`)
    expect([status, progress.completed, progress.cancelled, progress.pending]).toEqual(["cancelled", 1, 11, 0])
  }, 120_000)

  it("sends a scheduled message once, although its process ended at that time", async () => {
    const scheduledAt = new Date(Date.now() + 4000).toISOString()
    const { scheduleId } = await service.ask("POST", `${api}/devices/${device}/schedule-message`, { phone: chats[0], message: "terjadwal", scheduledAt })
    await service.end("SIGKILL")
    await until("its time", () => Date.now() > Date.parse(scheduledAt) ? true : undefined)
    await service.start()
    await until("the scheduled message", async () => (await inbox(chats[0]!)).find(({ text }) => text === "terjadwal"), 60_000)
    await service.end("SIGKILL")
    await service.start()
    const schedule = await service.ask("GET", `${api}/devices/${device}/schedules/${scheduleId}`)
    expect(schedule).toMatchObject({ status: "completed", nextAt: null, slots: [{ slot: scheduledAt }] })
    expect((await inbox(chats[0]!)).filter(({ duplicateOf, text }) => text === "terjadwal" && duplicateOf === undefined)).toHaveLength(1)
  }, 120_000)
})
