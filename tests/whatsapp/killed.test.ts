import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { sqlite } from "../../src/sql/database/Database.ts"
import migrate from "../../src/sql/migrations/0001_initial.ts"
import { InboundJournal } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { cipher, deviceId, makeDevice, peer, phone } from "./support/device.ts"

const receiver = new URL("support/receiver.ts", import.meta.url).pathname

/** Lets a process receive, kills it in the middle, and says what it had acknowledged by then. */
const killedWhileReceiving = async (kind: "plain" | "ours", place: string) => {
  const server = await startEmulator({ historySync: false })
  const child = spawn(process.execPath, [receiver, kind, server.url, server.noiseRootKey, place], { stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface(child.stdout)
  try {
    const exited = once(child, "exit")
    const drained = new Promise<void>((resolve) => {
      lines.on("line", (line) => {
        if (!line.startsWith("{")) return
        const said: { readonly qr?: string; readonly event?: string } = JSON.parse(line)
        if (said.qr !== undefined && server.phone(phone).linked.length === 0) void server.phone(phone).scan(said.qr)
        if (said.event === "Drained") resolve()
      })
    })
    await drained
    const acknowledged = new Set<string>()
    const enough = new Promise<void>((resolve) => {
      server.on("receipt", ({ ids }) => {
        for (const id of ids) acknowledged.add(id)
        if (acknowledged.size >= 15) resolve()
      })
    })
    // written while the device is away for a moment
    const budi = server.phone(peer)
    const away = server.waitFor("disconnected")
    server.connectionOf(phone).reset()
    await away
    for (let i = 0; i < 40; i++) void budi.send(phone, `m${i}`)
    await enough
    child.kill("SIGKILL")
    await exited
    return acknowledged
  } finally {
    child.kill("SIGKILL")
    await server.stop()
  }
}

describe("a process that is killed while it receives", () => {
  it("plain Baileys: has acknowledged what nobody has heard", async () => {
    const place = await mkdtemp(join(tmpdir(), "wa-killed-"))
    const acknowledged = await killedWhileReceiving("plain", place)
    const heard = await readFile(join(place, "heard"), "utf8").catch(() => "")
    await rm(place, { recursive: true })
    expect([...acknowledged].filter((id) => !heard.includes(id))).not.toEqual([])
  })

  it("has everything it acknowledged in its journal", async () => {
    const place = await mkdtemp(join(tmpdir(), "wa-killed-"))
    const client = Layer.fresh(Layer.merge(sqlite(join(place, "test.db")), cipher))
    await Effect.runPromise(Effect.zipRight(migrate, makeDevice()).pipe(Effect.provide(client)))
    const acknowledged = await killedWhileReceiving("ours", join(place, "test.db"))
    const entries = await Effect.runPromise(
      Effect.flatMap(InboundJournal, (journal) => journal.pending(deviceId, 1000)).pipe(
        Effect.provide(InboundJournal.layer.pipe(Layer.provide(client)))
      )
    )
    await rm(place, { recursive: true })
    const stored = new Set(entries.flatMap(({ fact }) => (fact._tag === "Message" ? [String(fact.messageId)] : [])))
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([])
    expect(stored.size).toBeGreaterThanOrEqual(15)
  })
})
