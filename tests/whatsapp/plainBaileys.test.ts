// What unmodified Baileys does where ours must do better. When one of these fails after an update of Baileys, a mending
// in src/whatsapp may have become superfluous.
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { makeEventBuffer, prepareWAMessageMedia } from "@whiskeysockets/baileys"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { EmulatorServer } from "../../src/emulator/EmulatorServer.ts"
import { startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { peer, phone } from "./support/device.ts"
import { silent } from "./support/party.ts"
import { closed, memory, never, plainOn, soon } from "./support/plain.ts"

let server: EmulatorServer
beforeEach(async () => {
  server = await startEmulator({ historySync: false })
})
afterEach(() => server.stop())

const { online, socket } = plainOn(() => server)

describe("plain Baileys", () => {
  it("logs in to a server whose certificates nobody trusts", async () => {
    const sock = await online()
    expect(server.stats.logins).toBe(1)
    await sock.end(undefined)
  })

  it("says that a refused message was sent", async () => {
    server.phone(peer)
    const sock = await online()
    server.faults.add({ kind: "ack-error", code: 463 })
    const sent = await sock.sendMessage(`${peer}@s.whatsapp.net`, { text: "x" })
    expect(sent?.key.id).toBeDefined()
    await sock.end(undefined)
  })

  it("sends a message to nobody when the question for devices is not answered, and says that it was sent", async () => {
    server.phone(peer)
    const sock = await online({ defaultQueryTimeoutMs: 300 })
    server.faults.add({ kind: "iq-silence", xmlns: "usync" })
    const stanza = server.waitFor("stanza")
    await sock.sendMessage(`${peer}@s.whatsapp.net`, { text: "x" })
    await stanza
    await sock.query({ tag: "iq", attrs: { to: "@s.whatsapp.net", type: "get", xmlns: "w:p" } })
    expect(server.stats.emptyMessages).toBe(1)
    await sock.end(undefined)
  })

  it("waits for ever when the upgrade is refused", async () => {
    server.faults.add({ kind: "upgrade-status", status: 503 })
    const sock = socket(memory(), { connectTimeoutMs: 300 })
    expect(await soon(closed(sock), 1500)).toBe(never)
    await sock.end(undefined)
  })

  it("leaves questions open when the server ends the stream", async () => {
    const sock = await online()
    server.faults.add({ kind: "iq-silence", xmlns: "w:p" })
    const question = sock.query({ tag: "iq", attrs: { to: "@s.whatsapp.net", type: "get", xmlns: "w:p" } }).catch(() => "failed")
    const over = closed(sock)
    server.connectionOf(phone).break("stream-end")
    await over
    expect(await soon(question, 300)).toBe(never)
  })

  it("delivers events again, and drops others, when a listener throws", () => {
    const ev = makeEventBuffer(silent)
    const heard: Array<string> = []
    let broken = true
    ev.on("chats.delete", (ids) => {
      heard.push(...ids)
      if (broken) throw new Error("a listener's mistake")
    })
    ev.buffer()
    ev.emit("chats.delete", ["1"])
    expect(() => ev.flush()).toThrow("mistake")
    broken = false
    ev.buffer()
    ev.flush()
    expect(heard).toEqual(["1", "1"])
    ev.destroy()
  })

  it("reads files of this machine for whoever may name a URL", async () => {
    let uploaded = false
    await prepareWAMessageMedia({ document: { url: import.meta.filename }, mimetype: "text/plain" }, {
      logger: silent,
      upload: async () => {
        uploaded = true
        return { mediaUrl: "https://x", directPath: "/x" }
      }
    })
    expect(uploaded).toBe(true)
  })

  it("ends the process on a frame that it cannot read", async () => {
    const place = await mkdtemp(join(tmpdir(), "wa-plain-"))
    const receiver = new URL("support/receiver.ts", import.meta.url).pathname
    const child = spawn(process.execPath, [receiver, "plain", server.url, "", place], { stdio: ["ignore", "pipe", "ignore"] })
    const exit = once(child, "exit")
    createInterface(child.stdout).on("line", (line) => {
      if (!line.startsWith("{")) return
      const said: { readonly qr?: string; readonly event?: string } = JSON.parse(line)
      if (said.qr !== undefined) void server.phone(phone).scan(said.qr)
      if (said.event === "Drained") server.connectionOf(phone).break("garbage-frame")
    })
    const [code] = await exit
    expect(code).toBe(1)
    await rm(place, { recursive: true })
  })
})
