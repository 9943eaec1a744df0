import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"

const base = "/api/whatsapp-multi-device/devices"
const phones = ["6281211110001", "6281211110002", "6281211110003"] as const
const friend = "6281299990001"

describe.each(e2eDatabases)("the built service on $name", (database) => {
  let emulator: EmulatorProcess
  let service: Service
  const devices: Array<string> = []

  beforeAll(async () => {
    emulator = await startEmulatorProcess()
    await emulator.ask("POST", "/phones", { phone: friend, name: "Budi" })
    for (const phone of phones) await emulator.ask("POST", "/phones", { phone })
    service = await makeService({ ...emulator.environment, ...(await database.create()) })
    await service.start()
  }, 90_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.end()
    service?.remove()
    await database.drop()
  }, 30_000)

  const status = (deviceId: string) => service.ask("GET", `${base}/${deviceId}/status`)
  const connected = (deviceId: string) =>
    until(`${deviceId} to be connected`, async () => (await status(deviceId)).status === "connected" ? true : undefined, 60_000)
  const inbox = async (phone: string): Promise<ReadonlyArray<{ id: string; text: string; fromMe?: boolean; duplicateOf?: string }>> => {
    const answer = await emulator.ask("GET", `/phones/${phone}/messages`)
    return Array.isArray(answer) ? answer : answer.messages ?? answer.items
  }
  const history = async (deviceId: string) =>
    (await service.ask("GET", `${base}/${deviceId}/chat-history/${friend}?limit=200`)).items as ReadonlyArray<
      { messageId: string; content: string; direction: string; status: string }
    >
  const dump = () => service.output()

  it("pairs two devices by QR code and one by pairing code, and tells it on SSE", async () => {
    const events = service.events()
    for (const [index, phone] of phones.entries()) {
      const device = await service.ask("POST", base, { deviceName: `Device ${index}` })
      devices.push(device.deviceId)
      if (index < 2) {
        const answer = await service.ask("POST", `${base}/${device.deviceId}/connect`)
        expect(answer.status).toBe("qr_required")
        expect(answer.qrCode).toMatch(/^data:image\/png;base64,/)
        const { qr } = await service.ask("GET", `${base}/${device.deviceId}/qr`)
        await emulator.ask("POST", `/phones/${phone}/scan`, { qr })
      } else {
        const { pairingCode } = await service.ask("POST", `${base}/${device.deviceId}/pairing-code`, { phone: `+${phone}` })
        expect(pairingCode).toMatch(/^[0-9A-Z]{8}$/)
        await emulator.ask("POST", `/phones/${phone}/pairing-code`, { code: pairingCode })
      }
      await connected(device.deviceId)
      await events.waitFor("connected", (event) => event.type === "device-status" && event.deviceId === device.deviceId && event.data["status"] === "connected")
    }
    for (const deviceId of devices) {
      const sequences = events.received.filter((event) => event.deviceId === deviceId).map((event) => event.sequence)
      expect(sequences).toEqual(sequences.map((_, index) => index + 1))
    }
    expect(events.received.some((event) => event.type === "qr-code")).toBe(true)
    expect(events.received.some((event) => event.type === "pairing-code")).toBe(true)
    await events.close()
  }, 120_000)

  it("sends and receives on each of them", async () => {
    const events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
    for (const [index, deviceId] of devices.entries()) {
      const sent = await service.ask("POST", `${base}/${deviceId}/send-message`, { phone: friend, message: `out ${index}` })
      expect(["sent", "delivered"]).toContain(sent.status)
      await events.waitFor("delivered", (event) => event.type === "message.delivered" && event.data["messageId"] === sent.messageId)
      await emulator.ask("POST", `/phones/${friend}/messages`, { to: phones[index], text: `in ${index}` })
      const received = await events.waitFor("received", (event) => event.type === "message.received" && event.data["content"] === `in ${index}`)
      expect(received.deviceId).toBe(deviceId)
      expect(received.data["from"]).toBe(friend)
    }
    expect((await inbox(friend)).map((message) => message.text)).toEqual(expect.arrayContaining(["out 0", "out 1", "out 2"]))
    await events.close()
  }, 60_000)

  it("loses and doubles nothing over a SIGKILL, and needs no new pairing", async () => {
    const before = service.events()
    await before.waitFor("connected", (event) => event.type === "connected")
    const accepted = devices.flatMap((deviceId, index) =>
      Array.from({ length: 5 }, (_, n) =>
        service.call("POST", `${base}/${deviceId}/send-message?wait=accepted`, { phone: friend, message: `burst ${index}.${n}` }))
    )
    const answers = await Promise.all(accepted)
    expect(answers.map((answer) => answer.status).every((code) => code === 200 || code === 202)).toBe(true)
    await service.end("SIGKILL")
    await before.close()
    const lastSeen = before.received.findLast((event) => event.id !== undefined && event.sequence !== undefined)?.id ?? 0

    for (const phone of phones) {
      for (const n of [0, 1, 2]) await emulator.ask("POST", `/phones/${friend}/messages`, { to: phone, text: `while away ${n}` })
    }
    await service.start()
    const after = service.events(lastSeen)
    for (const deviceId of devices) await connected(deviceId)

    for (const [index, deviceId] of devices.entries()) {
      const rows = await until("all messages of the device", async () => {
        const items = await history(deviceId)
        const arrived = items.filter((item) => item.content.startsWith("while away")).length === 3
        const settled = items.filter((item) => item.direction === "outgoing").every((item) => ["sent", "delivered", "read"].includes(item.status))
        return arrived && settled ? items : undefined
      }, 60_000)
      const contents = rows.map((row) => row.content)
      expect(new Set(contents).size).toBe(contents.length)
      expect(contents.filter((text) => text.startsWith("while away")).toReversed()).toEqual([0, 1, 2].map((n) => `while away ${n}`))
      expect(contents.filter((text) => text.startsWith(`burst ${index}.`)).length).toBe(5)
    }
    const ids = (await inbox(friend)).filter((message) => message.text.startsWith("burst") && message.duplicateOf === undefined).map((message) => message.id)
    expect(ids.length).toBe(15)
    expect(new Set(ids)).toEqual(new Set(answers.map((answer) => answer.json.data.messageId)))

    for (const [index] of devices.entries()) {
      for (const n of [0, 1, 2]) {
        await after.waitFor(`while away ${n}`, (event) => event.type === "message.received" && event.deviceId === devices[index] && event.data["content"] === `while away ${n}`)
      }
    }
    const all = [...before.received, ...after.received].filter((event) => event.sequence !== undefined)
    expect(new Set(all.map((event) => event.id)).size).toBe(all.length)
    for (const deviceId of devices) {
      const sequences = after.received.filter((event) => event.deviceId === deviceId && event.sequence !== undefined).map((event) => event.sequence)
      expect(sequences).toEqual(sequences.map((_, offset) => sequences[0]! + offset))
      expect(after.received.some((event) => event.deviceId === deviceId && event.type === "qr-code")).toBe(false)
    }
    await after.close()
  }, 180_000)

  it("stops in order within ten seconds of SIGTERM, and within one when nothing happens", async () => {
    const events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
    const started = performance.now()
    expect(await service.end("SIGTERM"), dump()).toBe(0)
    expect(performance.now() - started).toBeLessThan(10_000)
    await events.close()
    expect(dump()).not.toMatch(/eyJ[\w-]+\.[\w-]+\./)
    expect(dump()).not.toContain("while away")
  }, 30_000)
})
