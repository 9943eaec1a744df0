import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const friend = "6281299990001"
/** gives no receipts: only the server's ack tells what became of a message to it */
const mute = "6281299990002"
const stranger = "6281299990003"
const names = [
  "restart", "unavailable", "blackhole", "replaced", "unlinked", "banned", "outdated", "throttled", "garbage", "acks",
  "refused", "corrupt", "damaged", "questions", "cut"
] as const
type Name = (typeof names)[number]
const phoneOf = (name: Name) => `62812222200${String(names.indexOf(name)).padStart(2, "0")}`

const minutes = (time: string) => Math.round((Date.parse(time) - Date.now()) / 60_000)

interface Row {
  readonly messageId: string
  readonly content: string | null
  readonly direction: string
  readonly status: string
}

describe("faults, as a user sees them", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "wa-faults-"))
  let emulator: EmulatorProcess
  let service: Service
  let events: ReturnType<Service["events"]>

  const status = (name: Name) => service.ask("GET", `${base}/${name}/status`)
  const connected = (name: Name, within = 20_000) =>
    until(`${name} to be connected`, async () => (await status(name)).status === "connected" ? true : undefined, within)
  const pair = async (name: Name) => {
    await service.ask("POST", `${base}/${name}/connect`)
    const { qr } = await until(`the QR code of ${name}`, () => service.ask("GET", `${base}/${name}/qr`))
    await emulator.ask("POST", `/phones/${phoneOf(name)}/scan`, { qr })
    await connected(name)
  }
  const send = (name: Name, phone: string, message: string, query = "") =>
    service.call("POST", `${base}/${name}/send-message${query}`, { phone, message })
  const shown = async (phone: string, text: string): Promise<ReadonlyArray<{ readonly id: string; readonly from: string }>> =>
    (await emulator.ask("GET", `/phones/${phone}/messages`)).messages.filter((message: { text: string }) => message.text === text)
  const history = async (name: Name, phone: string): Promise<ReadonlyArray<Row>> =>
    (await service.ask("GET", `${base}/${name}/chat-history/${phone}?limit=200`)).items
  const fault = (body: Record<string, unknown>) => emulator.ask("POST", "/faults", body)
  const breakNow = (name: Name, how: string) => fault({ kind: "break", phone: phoneOf(name), how })
  const streamError = (name: Name, body: Record<string, unknown>) =>
    fault({ kind: "stream-error", phone: phoneOf(name), ...body })
  /** The states that a device has told since a point in the events. */
  const statesOf = (name: Name, since = 0) =>
    events.received.slice(since)
      .filter((event) => event.type === "device-status" && event.deviceId === name)
      .map(({ data }) => ({ status: data["status"], reason: data["reason"], retryAt: data["retryAt"] }))
  const state = (name: Name, reason: string, since: number, within?: number) =>
    until(`${name} to be ${reason}`, () => statesOf(name, since).find((told) => told.reason === reason), within)
  const back = (name: Name, since: number, within?: number) =>
    until(`${name} to be back`, () => {
      const told = statesOf(name, since)
      return told.length > 1 && told.at(-1)?.status === "connected" ? told : undefined
    }, within)
  const works = async (name: Name) => {
    const text = `${name} works`
    expect((await send(name, friend, text)).status).toBe(200)
    expect((await shown(friend, text)).length).toBe(1)
  }

  beforeAll(async () => {
    emulator = await startEmulatorProcess()
    for (const phone of [friend, mute, ...names.map(phoneOf)]) await emulator.ask("POST", "/phones", { phone })
    await emulator.ask("POST", `/phones/${mute}/receipts`, { delivered: false })
    service = await makeService({ ...emulator.environment, DATA_DIR: dataDir })
    await service.start()
    for (const name of names) await service.ask("POST", base, { deviceId: name, deviceName: name })
    await Promise.all(names.map(pair))
    events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
  }, 60_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.end()
    service?.remove()
    rmSync(dataDir, { recursive: true, force: true })
  }, 30_000)

  it("honours the Retry-After of a refused upgrade", async () => {
    const since = events.received.length
    await fault({ kind: "upgrade-status", status: 429, retryAfter: 2, times: 1 })
    await breakNow("throttled", "reset")
    const told = await state("throttled", "server_unavailable", since)
    expect(told.retryAt).toEqual(expect.any(String))
    const before = Date.now()
    await back("throttled", since)
    expect(Date.now() - before).toBeGreaterThan(1500)
    await works("throttled")
  }, 20_000)

  describe.concurrent("of one device", () => {
    it("a message that is lost without an ack: sent once more under the same id after half a minute", async () => {
      await fault({ kind: "ack-drop", phone: phoneOf("acks"), to: mute, deliver: false, times: 1 })
      const started = Date.now()
      const sent = await send("acks", mute, "lost once", "?wait=sent&timeout=45")
      expect(sent.status).toBe(200)
      expect(Date.now() - started).toBeGreaterThan(29_000)
      expect((await shown(mute, "lost once")).map(({ id }) => id)).toEqual([sent.json.data.messageId])
      expect((await history("acks", mute)).map((row) => row.status)).toEqual(["sent"])
    }, 55_000)

    it("a connection cut in place of the ack: the same id once more, one copy shown", async () => {
      const since = events.received.length
      await fault({ kind: "ack-close", phone: phoneOf("cut"), to: mute, times: 1 })
      const sent = await send("cut", mute, "acked late", "?wait=sent&timeout=30")
      expect(sent.status).toBe(200)
      await back("cut", since)
      expect((await shown(mute, "acked late")).map(({ id }) => id)).toEqual([sent.json.data.messageId])
      expect((await history("cut", mute)).map((row) => row.status)).toEqual(["sent"])
    }, 40_000)

    it("a black hole: noticed within 20 s, and what was sent meanwhile arrives once", async () => {
      const since = events.received.length
      await fault({ kind: "black-hole", phone: phoneOf("blackhole"), times: 1 })
      const answers = await Promise.all([1, 2, 3].map((n) => send("blackhole", friend, `into the hole ${n}`, "?wait=accepted")))
      const started = Date.now()
      await state("blackhole", "connection_lost", since, 21_000)
      expect(Date.now() - started).toBeLessThan(20_500)
      await back("blackhole", since)
      for (const [index, { json }] of answers.entries()) {
        const copies = await until("the message", async () => {
          const found = await shown(friend, `into the hole ${index + 1}`)
          return found.length > 0 ? found : undefined
        })
        expect(copies.map(({ id }) => id)).toEqual([json.data.messageId])
      }
      await until("the acks", async () =>
        (await history("blackhole", friend)).every((row) => ["sent", "delivered"].includes(row.status)) ? true : undefined)
    }, 45_000)

    it("a question that goes unanswered: asked again, and nothing empty is sent", async () => {
      await fault({ kind: "iq-silence", phone: phoneOf("questions"), xmlns: "usync", times: 1 })
      const sent = await send("questions", friend, "after the silence", "?wait=sent&timeout=40")
      expect(sent.status).toBe(200)
      expect((await shown(friend, "after the silence")).map(({ id }) => id)).toEqual([sent.json.data.messageId])
    }, 50_000)

    it("515: a new socket at once", async () => {
      const since = events.received.length
      const started = Date.now()
      await streamError("restart", { code: 515 })
      const told = await back("restart", since)
      expect(Date.now() - started).toBeLessThan(4000)
      expect(told).toEqual([
        { status: "connecting", reason: null, retryAt: null },
        { status: "connected", reason: null, retryAt: null }
      ])
      await works("restart")
    }, 20_000)

    it("503 and a cut TCP connection: a new socket after a pause that it tells", async () => {
      for (const [cut, reason] of [
        [() => streamError("unavailable", { code: 503 }), "server_unavailable"],
        [() => breakNow("unavailable", "reset"), "connection_lost"]
      ] as const) {
        const since = events.received.length
        await cut()
        const told = await state("unavailable", reason, since)
        expect(told).toMatchObject({ status: "connecting", retryAt: expect.any(String) })
        await back("unavailable", since)
      }
      await works("unavailable")
    }, 30_000)

    it("replaced: gives way", async () => {
      const since = events.received.length
      await streamError("replaced", { conflict: "replaced", code: 440 })
      expect(await state("replaced", "replaced", since)).toMatchObject({ status: "disconnected", retryAt: null })
    }, 10_000)

    it("unlinked on the phone: history stays, messages wait, and go out after a new pairing", async () => {
      await works("unlinked")
      const since = events.received.length
      const { linked } = await emulator.ask("GET", `/phones/${phoneOf("unlinked")}`)
      await emulator.ask("DELETE", `/phones/${phoneOf("unlinked")}/devices/${linked[0].number}`)
      await state("unlinked", "logged_out", since)
      expect(statesOf("unlinked", since)).toEqual([{ status: "disconnected", reason: "logged_out", retryAt: null }])
      const held = await send("unlinked", friend, "held", "?wait=accepted")
      expect(held.status).toBe(202)
      expect(held.json.data).toMatchObject({ status: "pending", reason: "logged_out" })
      expect((await history("unlinked", friend)).map((row) => row.content)).toEqual(["held", "unlinked works"])
      await pair("unlinked")
      const copies = await until("the held message", async () => {
        const found = await shown(friend, "held")
        return found.length > 0 ? found : undefined
      })
      expect(copies.map(({ id }) => id)).toEqual([held.json.data.messageId])
    }, 30_000)

    it("banned for an hour: says until when, and does not try before", async () => {
      const since = events.received.length
      await fault({ kind: "login-failure", phone: phoneOf("banned"), reason: 402, code: 101, expire: 3600, times: 1 })
      await breakNow("banned", "reset")
      const told = await state("banned", "banned", since)
      const { restriction, retryAt } = await status("banned")
      expect(restriction).toMatchObject({ kind: "temporary_ban", code: 101 })
      expect([minutes(restriction.until), minutes(retryAt)]).toEqual([60, 70])
      expect(told.status).toBe("disconnected")
      await service.ask("POST", `${base}/banned/connect`)
      await connected("banned")
      expect((await status("banned")).restriction).toBeNull()
    }, 30_000)

    it("client outdated: tries again in a quarter of an hour, or when told to", async () => {
      const since = events.received.length
      await fault({ kind: "login-failure", phone: phoneOf("outdated"), reason: 405, times: 1 })
      await breakNow("outdated", "reset")
      const { retryAt } = await state("outdated", "client_outdated", since)
      expect(Date.parse(String(retryAt)) - Date.now()).toBeGreaterThan(14 * 60_000)
      await service.ask("POST", `${base}/outdated/connect`)
      await connected("outdated")
      await works("outdated")
    }, 30_000)

    it("frames that nobody can read: a new socket", async () => {
      for (const how of ["garbage-frame", "bad-node", "bad-zlib"]) {
        const since = events.received.length
        await breakNow("garbage", how)
        expect(await state("garbage", "connection_lost", since)).toMatchObject({ status: "connecting" })
        await back("garbage", since)
      }
      await works("garbage")
    }, 40_000)

    it("refused messages fail with their code, unknown numbers too", async () => {
      for (const [code, failure] of [[463, "REACHOUT_TIMELOCK"], [403, "REFUSED_BY_WHATSAPP"]] as const) {
        await fault({ kind: "ack-error", phone: phoneOf("refused"), to: friend, code, times: 1 })
        const answer = await send("refused", friend, `refused with ${code}`)
        expect(answer.status).toBe(422)
        expect(answer.json.error?.code).toBe(failure)
        expect(await shown(friend, `refused with ${code}`)).toEqual([])
      }
      const unknown = await send("refused", stranger, "is anybody there?")
      expect(unknown.status).toBe(422)
      expect(unknown.json.error?.code).toBe("NOT_ON_WHATSAPP")
      await works("refused")
    }, 20_000)

    it("a spoiled ciphertext: told as undecryptable, then recovered", async () => {
      await emulator.ask("POST", `/phones/${friend}/messages`, { to: phoneOf("corrupt"), text: "first" })
      await fault({ kind: "corrupt", phone: phoneOf("corrupt"), from: friend, times: 1 })
      const { id } = await emulator.ask("POST", `/phones/${friend}/messages`, { to: phoneOf("corrupt"), text: "spoiled" })
      const mine = (type: string) => (event: { readonly type: string; readonly deviceId: string; readonly data: Record<string, unknown> }) =>
        event.type === type && event.deviceId === "corrupt" && event.data["messageId"] === id
      await events.waitFor("undecryptable", mine("message.undecryptable"))
      const received = await events.waitFor("recovered", mine("message.received"))
      expect(received.data).toMatchObject({ content: "spoiled", recovered: true })
      expect((await history("corrupt", friend)).map((row) => row.content)).toEqual(["spoiled", "first"])
    }, 30_000)

    it("damaged credentials: says so, and overwrites nothing", async () => {
      const since = events.received.length
      const database = new DatabaseSync(join(dataDir, "whatsapp.db"), { timeout: 5000 })
      const rows = () => database.prepare("SELECT value FROM auth_state WHERE device_id = 'damaged' AND type = 'creds'").all()
      const count = () => database.prepare("SELECT COUNT(*) AS n FROM auth_state WHERE device_id = 'damaged'").get()
      try {
        database.exec("UPDATE auth_state SET value = x'00112233' WHERE device_id = 'damaged' AND type = 'creds'")
        const before = [rows(), count()]
        await breakNow("damaged", "reset")
        expect(await state("damaged", "credentials_unreadable", since)).toMatchObject({ status: "disconnected", retryAt: null })
        await service.ask("POST", `${base}/damaged/connect`)
        expect(await status("damaged")).toMatchObject({ status: "disconnected", reason: "credentials_unreadable" })
        expect([rows(), count()]).toEqual(before)
        expect((await send("damaged", friend, "waits", "?wait=accepted")).json.data.status).toBe("pending")
      } finally {
        database.close()
      }
    }, 30_000)
  })

  it("whoever was replaced has stayed off, until a person connects it", async () => {
    expect(statesOf("replaced").map((told) => told.reason)).toEqual(["replaced"])
    await service.ask("POST", `${base}/replaced/connect`)
    await connected("replaced")
    await works("replaced")
  }, 20_000)

  it("leaves nothing accepted that was not shown, nothing unreadable, and nobody else disturbed", async () => {
    const stats = await emulator.ask("GET", "/stats")
    expect(stats).toMatchObject({ emptyMessages: 0, unknown: 0, failures: [], replaced: 0 })
    expect(stats.undecryptable).toBe(stats.recovered)
    for (const phone of [friend, mute]) {
      const { messages } = await emulator.ask("GET", `/phones/${phone}/messages`)
      const there = messages.map((message: { readonly id: string }) => message.id)
      expect(new Set(there).size).toBe(there.length)
      for (const name of names) {
        const rows = (await history(name, phone)).filter((row) => row.direction === "outgoing")
        for (const row of rows) {
          expect(there.includes(row.messageId), `${name}: ${row.content} (${row.status})`)
            .toBe(!["pending", "failed"].includes(row.status))
        }
      }
    }
    // what befell the others did not reach the one that only had its acks dropped
    expect(statesOf("acks")).toEqual([])
    expect(statesOf("refused")).toEqual([])
    for (const name of names) expect((await status(name)).status, name).toBe(name === "damaged" ? "disconnected" : "connected")
    expect(service.output()).not.toMatch(/loop failed|could not be handled|unhandled/i)
  }, 20_000)
})
