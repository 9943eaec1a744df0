import { useMultiFileAuthState } from "@whiskeysockets/baileys"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { Client } from "../emulator/client.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { startBuilt, until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const phone = "6281211110001"
const friend = "6281299990001"
const base = "/api/whatsapp-multi-device/devices"
const deviceId = "device-1-1734567890123-12345"

/** What the old service had: a folder that plain Baileys has written, paired, with open sessions. */
const oldService = async (server: EmulatorServer, folder: string) => {
  const { saveCreds, state } = await useMultiFileAuthState(folder)
  const client = new Client(server.url, { auth: state })
  const save = () => client.socket.ev.on("creds.update", () => void saveCreds())
  save()
  await client.untilQr()
  await server.phone(phone).scan(client.qr ?? "")
  await client.untilClosed()
  await saveCreds()
  client.reconnect()
  save()
  await client.untilOnline()
  const sent = await client.send(friend, "from the old service")
  await server.phone(friend).waitForMessage((each) => each.id === sent)
  await server.phone(friend).send(phone, "to the old service")
  await client.untilMessage("to the old service")
  // now both know the other's keys: what follows needs no new session
  const last = await client.send(friend, "good bye")
  await server.phone(friend).waitForMessage((each) => each.id === last)
  await client.untilAck(last)
  await client.close()
  await saveCreds()
}

describe.each(e2eDatabases)("import-sessions on $name", (database) => {
  let server: EmulatorServer
  let service: Service
  let environment: Readonly<Record<string, string>>
  const sessions = mkdtempSync(join(tmpdir(), "wa-sessions-"))
  const folder = join(sessions, `auth_info_baileys_${deviceId}`)

  beforeAll(async () => {
    server = await startEmulator()
    server.phone(phone, "Siti")
    server.phone(friend, "Budi")
    await oldService(server, folder)
    environment = { WA_SOCKET_URL: server.url, WA_NOISE_ROOT_KEY: server.noiseRootKey, ...(await database.create()) }
    service = await makeService(environment)
    await service.start()
    await service.end("SIGTERM")
  }, 180_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await server?.stop()
    service?.remove()
    await database.drop()
    rmSync(sessions, { recursive: true })
  }, 30_000)

  const run = async (...args: ReadonlyArray<string>) => {
    const built = startBuilt(["import-sessions", ...args], { ...environment, DATA_DIR: service.dataDir, LOG_LEVEL: "warning" })
    const code = await new Promise<number | null>((done) => built.child.once("close", done))
    return { code, output: built.output() }
  }

  it("takes a session over, and says what of it it could not use", async () => {
    mkdirSync(join(sessions, "auth_info_baileys_broken"))
    writeFileSync(join(sessions, "auth_info_baileys_broken", "creds.json"), "{\"noiseKey\": \"half a fi")
    mkdirSync(join(sessions, "auth_info_baileys_empty"))
    cpSync(folder, join(sessions, "auth_info_baileys_no good id"), { recursive: true })
    writeFileSync(join(folder, "notes.txt"), "none of Baileys'")
    const { code, output } = await run(sessions)
    expect(code, output).toBe(1)
    expect(output).toMatch(new RegExp(`${deviceId}: imported: \\+${phone} \\(.*\\d+ pre-key.*\\); 1 files are none`))
    expect(output).toContain("auth_info_baileys_broken: refused: creds.json is damaged")
    expect(output).toContain("auth_info_baileys_empty: refused: there is no creds.json")
    expect(output).toContain("auth_info_baileys_no good id: refused: ")
    expect(output).toContain("3 of 4 sessions were not taken over")
    expect(output).not.toMatch(/half a fi|private|    at /)
    for (const name of readdirSync(sessions)) if (!name.endsWith(deviceId)) rmSync(join(sessions, name), { recursive: true })
  }, 120_000)

  it("connects without a QR code, and goes on in the sessions there are", async () => {
    await service.start()
    const connected = () => until("the device to be connected", async () => {
      const { status } = await service.ask("GET", `${base}/${deviceId}/status`)
      expect(status).not.toBe("qr_required")
      return status === "connected" ? true : undefined
    }, 60_000)
    await connected()
    const events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
    // first what comes in: the friend goes on in the session of before, which nobody without its keys can read
    await server.phone(friend).send(phone, "to the new service")
    const received = await events.waitFor("received", (event) => event.type === "message.received" && event.data["content"] === "to the new service")
    expect(received.deviceId).toBe(deviceId)
    const sent = await service.ask("POST", `${base}/${deviceId}/send-message?wait=delivered`, { phone: friend, message: "from the new service" })
    expect((await server.phone(friend).waitForMessage((each) => each.id === sent.messageId)).text).toBe("from the new service")
    expect(events.received.filter(({ type }) => type === "message.undecryptable")).toEqual([])
    expect(server.undecryptable).toEqual([])
    await events.close()
    await service.end("SIGTERM")
  }, 180_000)

  it("leaves what the service has as it is when it is run again", async () => {
    const again = await run(sessions, "--owner", "admin@example.com")
    expect(again.code, again.output).toBe(0)
    expect(again.output).toContain(`${deviceId}: left as it is`)
    await service.start()
    await until("the device to be connected", async () => (await service.ask("GET", `${base}/${deviceId}/status`)).status === "connected" ? true : undefined, 60_000)
    const sent = await service.ask("POST", `${base}/${deviceId}/send-message?wait=delivered`, { phone: friend, message: "still here" })
    expect((await server.phone(friend).waitForMessage((each) => each.id === sent.messageId)).text).toBe("still here")
    const audit = await service.ask("GET", `/api/admin/audit?action=device.import`)
    expect(audit.items).toMatchObject([{ target: { type: "device", id: deviceId }, result: "success", userId: null }])
  }, 180_000)

  it("does not bring back a pairing that has ended since", async () => {
    await service.ask("POST", `${base}/${deviceId}/cancel-and-wipe`)
    await service.end("SIGTERM")
    const { code, output } = await run(sessions)
    expect(code).toBe(1)
    expect(output).toContain("has been connected by this service and unlinked since")
    expect((await run(sessions, "--owner", "nobody@example.com")).output).toContain("--owner: there is no user nobody@example.com")
    expect((await run(tmpdir() + "/no-such-folder")).output).toContain("cannot be read")
  }, 180_000)
})
