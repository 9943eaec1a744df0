import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { admin, makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device"
const john = { username: "johndoe", email: "john@example.com", password: "securepassword123", fullName: "John Doe" }
const recipients = ["6281234567890", "6281234567891", "6281234567892"] as const
const token = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)
const image = expect.stringMatching(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/)
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

/** The bodies and answers that older clients were given as examples, in their order, each field under its name. */
describe.each(e2eDatabases)("the examples of older clients, by the built service on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let events: ReturnType<Service["events"]>
  let johns: { readonly id: number; readonly token: string; readonly refreshToken: string }
  let deviceId = ""

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    for (const phone of recipients) emulator.phone(phone, phone)
    service = await makeService({ WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, PACING: "off", ...(await database.create()) })
    await service.start()
    events = service.events(undefined, { tokenInQuery: true })
    await events.waitFor("connected", ({ type }) => type === "connected")
  }, 120_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
  }, 30_000)

  const call = async (method: string, path: string, body?: object, as?: string) => {
    const { json, status } = await service.call(method, path, body, as === undefined ? {} : { authorization: `Bearer ${as}` })
    return { status, json }
  }

  it("health", async () => {
    expect(await call("GET", "/api/health")).toEqual({
      status: 200,
      json: { status: "OK", message: "WhatsApp Service Backend is running", timestamp: time }
    })
  })

  it("1. register, 2. log in", async () => {
    const registered = await call("POST", "/api/auth/register", john)
    expect(registered).toMatchObject({ status: 201, json: { success: true } })
    const { json, status } = await call("POST", "/api/auth/login", { email: john.email, password: john.password })
    expect([status, json]).toMatchObject([200, {
      success: true,
      data: { token, refreshToken: token, user: { id: expect.any(Number), username: "johndoe", email: "john@example.com", role: "user" } }
    }])
    expect(JSON.stringify(json)).not.toContain(john.password)
    johns = { id: json.data.user.id, token: json.data.token, refreshToken: json.data.refreshToken }
    expect(await call("GET", "/api/auth/profile", undefined, johns.token)).toMatchObject({ status: 200, json: { data: { user: { fullName: "John Doe" } } } })
    const again = await call("POST", "/api/auth/refresh-token", { refreshToken: johns.refreshToken })
    expect(again).toMatchObject({ status: 200, json: { success: true, data: { token, refreshToken: token } } })
  })

  it("3. create a device, for oneself and for a user; a user may not", async () => {
    const body = { deviceName: "Device Utama" }
    const made = await call("POST", `${base}/devices`, body)
    expect(made).toMatchObject({
      status: 201,
      json: {
        success: true,
        data: { id: expect.any(Number), deviceId: expect.stringMatching(/^device-\d+-\d+-\d+$/), deviceName: "Device Utama", userId: expect.any(Number), status: "disconnected", createdAt: time }
      }
    })
    const forJohn = await call("POST", `${base}/devices`, { ...body, userId: johns.id })
    expect(forJohn).toMatchObject({ status: 201, json: { data: { userId: johns.id } } })
    deviceId = forJohn.json.data.deviceId
    expect(await call("POST", `${base}/devices`, body, johns.token)).toMatchObject({ status: 403, json: { success: false, message: "Access denied" } })
    expect(await call("GET", `${base}/devices/${made.json.data.deviceId}`, undefined, johns.token)).toMatchObject({ status: 403, json: { message: "Access denied" } })
  })

  it("4. connect it, 5. its QR code as an image, and the event", async () => {
    // by the time of the answer there is a code, which has a status of its own
    expect(await call("POST", `${base}/devices/${deviceId}/connect`, undefined, johns.token)).toMatchObject({
      status: 200,
      json: { success: true, data: { status: expect.stringMatching(/^(connecting|qr_required)$/), qrCode: image } }
    })
    expect(await events.waitFor("qr-code", ({ type }) => type === "qr-code")).toMatchObject({ type: "qr-code", deviceId, qrCode: image, qr: expect.any(String) })
    expect(await call("GET", `${base}/devices/${deviceId}/qr-image`, undefined, johns.token)).toMatchObject({
      status: 200,
      json: { success: true, data: { deviceId, qrImage: image, format: "png", message: "QR Code sebagai image" } }
    })
    const { json } = await call("GET", `${base}/devices/${deviceId}/qr`, undefined, johns.token)
    expect(json.data).toMatchObject({ qrCode: image })
    await emulator.phone("6281211110001", "Toko").scan(json.data.qr)
    expect(await events.waitFor("connected", ({ data, type }) => type === "whatsapp-status" && data["status"] === "connected")).toMatchObject({ deviceId, data: { status: "connected" } })
  }, 60_000)

  it("6. send a message, and hear of it", async () => {
    const sent = await until("the message to be sent at once", async () => {
      const answer = await call("POST", `${base}/devices/${deviceId}/send-message`, { phone: "6281234567890", message: "Hello World" }, johns.token)
      return answer.status === 200 ? answer : undefined
    })
    expect(sent).toMatchObject({ status: 200, json: { success: true, data: { messageId: expect.stringMatching(/^3EB0[0-9A-F]+$/), timestamp: time } } })
    expect(["sent", "delivered"]).toContain(sent.json.data.status)
    const { messageId } = sent.json.data
    expect(await events.waitFor("status", (event) => event.type === "message.status" && event.data["messageId"] === messageId)).toMatchObject({ messageId, status: expect.any(String) })
    await events.waitFor("delivered", (event) => event.type === "message.delivered" && event.data["messageId"] === messageId)
  }, 60_000)

  it("7. bulk messages, and how the job stands", async () => {
    const body = {
      messages: recipients.map((to, index) => ({ to, message: `Pesan ${index + 1}` })),
      delay: 3
    }
    expect(await call("POST", `${base}/devices/${deviceId}/jobs/send-text`, body, johns.token)).toMatchObject({ status: 403 })
    const made = await call("POST", `${base}/devices/${deviceId}/jobs/send-text`, body)
    expect(made).toMatchObject({
      status: 201,
      json: { success: true, data: { jobId: expect.stringMatching(/^job-/), status: "queued", delaySec: 3, total: 3 } }
    })
    const { jobId } = made.json.data
    const standing = await until("the first of the three to be sent", async () => {
      const answer = await call("GET", `${base}/jobs/${jobId}`, undefined, johns.token)
      return answer.json.data.progress.completed === 1 ? answer : undefined
    })
    expect(standing).toMatchObject({
      status: 200,
      json: { success: true, data: { jobId, status: "processing", progress: { total: 3, completed: 1, failed: 0, pending: 2 } } }
    })
    await events.waitFor("the end of the job", (event) => event.type === "job.completed" && event.data["jobId"] === jobId)
  }, 60_000)

  it("8. events by a token in the query, each field where it is looked for", async () => {
    const seen = new Set(events.received.map(({ type }) => type))
    for (const type of ["connected", "whatsapp-status", "qr-code", "message.status"]) expect(seen).toContain(type)
  })

  it("the administrator's own login", async () => {
    const { json, status } = await call("POST", "/api/auth/login", admin)
    expect([status, json.data.user.role]).toEqual([200, "admin"])
    for (const path of ["users", "devices", "messages", "groups", "contacts", "jobs", "stats"]) {
      expect(await call("GET", `/api/admin/${path}?page=1&limit=10`), path).toMatchObject({ status: 200, json: { success: true } })
    }
  })
})
