import { type Effect, ManagedRuntime } from "effect"
import fc from "fast-check"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { databases, SharedDatabase } from "../support/databases.ts"
import { type DocumentedRequest, type Known, type OpenApiDocument, type Operation, requestsTo } from "../support/documentedRequests.ts"
import type { JsonSchema } from "../support/oddInput.ts"
import { until } from "../support/process.ts"
import { rawRequest } from "../support/rawRequest.ts"
import { halfWritten, rowCounts } from "../support/rowCounts.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const friend = "6281299990001"
const nextYear = `${new Date().getUTCFullYear() + 1}-01-01T00:00:00Z`

/** How many requests go to each operation, and from which seed. */
const runs = Number(process.env["ANYTHING_RUNS"] ?? 1)
const seed = process.env["ANYTHING_SEED"] === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(process.env["ANYTHING_SEED"])
process.stdout.write(`anything: ANYTHING_SEED=${seed} ANYTHING_RUNS=${runs}\n`)

/** One of their methods, any of which may be tried, would end what the others need: the device's pairing, and that it is in a group. */
const ending = /\/devices\/\{deviceId\}(\/(disconnect|session|cancel-and-wipe|connect|pairing-code|groups\/\{groupId\}\/leave))?$/

const codesOf = (operation: Operation, document: OpenApiDocument, status: number): ReadonlyArray<unknown> => {
  const within = (schema: JsonSchema): ReadonlyArray<unknown> =>
    schema.$ref !== undefined
      ? within(document.components.schemas[schema.$ref.replace("#/components/schemas/", "")]!)
      : schema.anyOf?.flatMap(within) ?? schema.properties?.["error"]?.properties?.["code"]?.enum ?? []
  return Object.values(operation.responses[status]?.content ?? {}).flatMap(({ schema }) => within(schema))
}

describe.each(databases)("whatever is sent, on $name", ({ shared }) => {
  const database = ManagedRuntime.make(shared)
  let client: ManagedRuntime.ManagedRuntime<Effect.Effect.Context<typeof rowCounts>, never>
  let emulator: EmulatorServer
  let service: Service
  let document: OpenApiDocument
  let known: Known
  let spare = ""

  beforeAll(async () => {
    const opened = await database.runPromise(SharedDatabase)
    emulator = await startEmulator({ historySync: false })
    emulator.phone(friend, "Budi")
    service = await makeService({
      WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, PACING: "off", MEDIA_MAX_SIZE: "200KB", WEBHOOK_ALLOW_PRIVATE: "true", ...opened.environment
    })
    await service.start()
    client = ManagedRuntime.make(opened.client)
    // the paths without a device mean the first one
    spare = (await service.ask("POST", base, { deviceName: "Gudang" })).deviceId
    const { deviceId } = await service.ask("POST", base, { deviceName: "Kasir" })
    await service.ask("POST", `${base}/${deviceId}/connect`)
    const { qr } = await service.ask("GET", `${base}/${deviceId}/qr`)
    await emulator.phone("6281211110001", "Toko").scan(qr)
    await until("the device to be connected", async () => (await service.ask("GET", `${base}/${deviceId}/status`)).status === "connected" ? true : undefined)
    const { messageId } = await service.ask("POST", `${base}/${deviceId}/send-message`, { phone: friend, message: "halo" })
    const { groupId } = await service.ask("POST", `${base}/${deviceId}/groups`, { name: "Keluarga", participants: [friend] })
    const { jobId } = await service.ask("POST", `${base}/${deviceId}/jobs/send-text`, { messages: [{ to: friend, message: "halo" }], delay: 0 })
    const { scheduleId } = await service.ask("POST", `${base}/${deviceId}/schedule-message`, { phone: friend, message: "halo", scheduledAt: nextYear })
    const { webhook } = await service.ask("POST", "/api/webhooks", { url: "http://127.0.0.1:9/" })
    const other = await service.ask("POST", "/api/admin/users", { username: "other", email: "other@example.com", password: "correct horse battery" })
    const form = new FormData()
    form.append("file", new File([sampleFiles.jpeg()], "a.jpg"))
    const { json } = await service.upload(`${base}/${deviceId}/media`, form)
    known = {
      deviceId: [deviceId], jid: [friend, `${friend}@s.whatsapp.net`], groupId: [groupId], messageId: [messageId], jobId: [jobId], scheduleId: [scheduleId],
      webhookId: [String(webhook.id)], deliveryId: ["1"], apiKeyId: ["999"], userId: [String(other.user.id)], participantJid: [friend], adminJid: [friend],
      phone: [friend, "6281299990002", "6285500000404"], to: [friend], participants: [friend], phones: [friend], mentions: [friend, "@all"],
      mediaId: [json.data.mediaId], sourceMessageId: [messageId], quotedMessageId: [messageId], emoji: ["👍"], q: ["halo"],
      timeout: ["0", "0.1"], wait: ["accepted", "sent"], cron: ["0 0 1 1 *"], timeZone: ["Asia/Jakarta", "UTC"], scheduledAt: [nextYear],
      url: ["http://127.0.0.1:9/", "http://nowhere.invalid/"], email: ["other@example.com", "new@example.com"], password: ["correct horse battery"],
      currentPassword: ["not this one"], date: ["2026-01-31"], from: ["2026-01-31"], expiresAt: ["2099-01-01T00:00:00Z"]
    }
    document = await (await fetch(`${service.url}/openapi.json`)).json() as OpenApiDocument
  }, 120_000)

  afterAll(async () => {
    await client?.dispose()
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.dispose()
  }, 30_000)

  const files = async () => {
    const all = await readdir(join(service.dataDir, "media"), { recursive: true, withFileTypes: true })
    return all.filter((entry) => entry.isFile()).length
  }
  const counts = async () => ({ ...(await client.runPromise(rowCounts)), files: await files() })

  /** A refusal leaves everything as it was; what the service does meanwhile by itself it does not do twice. */
  const leavesNothing = async (sent: DocumentedRequest, before: object) => {
    const after = await counts()
    if (JSON.stringify(after) === JSON.stringify(before)) return after
    const again = await counts()
    await rawRequest(service.url, sent)
    expect(await counts(), `${sent.method} ${sent.path} was refused, and yet`).toEqual(again)
    return again
  }

  it("is answered as documented, and a refusal leaves nothing behind", async () => {
    let before: object = await counts()
    const check = async (sent: DocumentedRequest) => {
      const answer = await rawRequest(service.url, sent)
      const described = `${sent.method} ${sent.path} ${JSON.stringify(sent.headers["content-type"])} ${sent.body.toString().slice(0, 300)} → ${answer?.status} ${answer?.text.slice(0, 300)}`
      if (answer === undefined || answer.status < 400) {
        if (answer?.type.startsWith("application/json") === true && answer.text !== "" && !/health|openapi/.test(sent.path)) {
          expect(JSON.parse(answer.text).success, described).toBe(true)
        }
        before = await counts()
        return
      }
      if (sent.method === "HEAD") return
      const body = JSON.parse(answer.text)
      expect(body, described).toEqual({ success: false, message: expect.stringMatching(/\S/), error: expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/) }) })
      expect(body.error.code, described).not.toMatch(/^(INTERNAL_ERROR|STORAGE_UNAVAILABLE)$/)
      // an odd id may lead to no path at all
      if (!/^(NOT_FOUND|METHOD_NOT_ALLOWED)$/.test(body.error.code) && sent.method.toLowerCase() === sent.meant.method) {
        expect(codesOf(document.paths[sent.meant.path]![sent.meant.method]!, document, answer.status), described).toContain(body.error.code)
      }
      // a message that WhatsApp refuses is kept, and says so
      if (body.error.details?.messageId !== undefined) before = await counts()
      else before = await leavesNothing(sent, before)
    }

    const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => [path, method] as const))
    // what is deleted is there for the others first
    const inOrder = operations.filter(([path]) => path !== "/metrics").toSorted(([, a], [, b]) => Number(a === "delete") - Number(b === "delete"))
    const token = `Bearer ${service.token()}`
    for (const [path, method] of inOrder) {
      const requests = requestsTo(document, [path, method], ending.test(path) ? { ...known, deviceId: [spare] } : known, token)
      await fc.assert(fc.asyncProperty(requests, check), { seed, numRuns: runs, endOnFailure: true })
    }

    expect(await client.runPromise(halfWritten)).toEqual([])
    expect((await service.call("GET", "/health/ready")).status).toBe(200)
    expect(service.output()).not.toMatch(/A request failed|uncaught|unhandled/i)
  }, 60_000 + runs * 60_000)

  it.each([
    ["a NUL", "a\0b"], ["halves of an emoji", "a\uD83Db\uDE00"], ["an emoji", "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}"], ["right to left", "\u202E\u0645\u0631\u062D\u0628\u0627"],
    ["what looks the same", "e\u0301\u00E9"], ["the last of all", "\u{10FFFF}\uFFFF"], ["SQL", "'; DROP TABLE users; -- \\' %_"], ["line ends", "a\r\n\tb\u2028c"]
  ])("text comes back as it was: %s", async (_, text) => {
    const read = text.toWellFormed()
    const device = `${base}/${known["deviceId"]![0]}`
    const sent = await service.ask("POST", `${device}/send-message`, { phone: friend, message: text })
    const { items } = await service.ask("GET", `${device}/chat-history/${friend}?limit=1`)
    expect(items[0]).toMatchObject({ messageId: sent.messageId, content: read })
    const { deviceId } = await service.ask("POST", base, { deviceName: text })
    expect((await service.ask("GET", `${base}/${deviceId}`)).deviceName).toBe(read)
    const { scheduleId } = await service.ask("POST", `${device}/schedule-message`, { phone: friend, message: text, scheduledAt: nextYear })
    expect((await service.ask("GET", `${device}/schedules/${scheduleId}`)).message).toBe(read)
    const { samples } = await service.ask("POST", `${device}/jobs/send-text?dryRun=true`, { messages: [{ to: friend, message: text }] })
    expect(samples[0].message).toBe(read)
    await service.ask("PUT", "/api/auth/profile", { fullName: text })
    expect((await service.ask("GET", "/api/auth/profile")).user.fullName).toBe(read)
    const { webhook } = await service.ask("POST", "/api/webhooks", { url: "http://127.0.0.1:9/", description: text })
    expect((await service.ask("GET", `/api/webhooks/${webhook.id}`)).webhook.description).toBe(read)
    await service.ask("DELETE", `/api/webhooks/${webhook.id}`)
  }, 30_000)
})
