import { createHash } from "node:crypto"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { Agent as HttpsAgent } from "node:https"
import { readFile } from "node:fs/promises"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { describe, expect, it, onTestFinished } from "vitest"
import { Emulator } from "../../src/emulator/Emulator.ts"
import { ControlServer } from "../../src/emulator/control/ControlServer.ts"
import { Client } from "./client.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const controlled = async () => {
  const all = await world()
  const control = new ControlServer(all.server)
  const url = await control.listen(0, "127.0.0.1")
  onTestFinished(() => control.close())
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    return [response.status, await response.json()] as [number, { readonly id: string; readonly jid: string }]
  }
  return { ...all, call, url }
}

const refusal = (status: number, code: string, message?: string) => [
  status,
  { error: { code, message: message ?? expect.any(String) } }
]

describe("the control API", () => {
  it("holds the phones: makes them, links by QR and by code, writes, reads, receipts, answers, unlinks", async () => {
    const { call, connect, server } = await controlled()
    expect(await call("POST", "/phones", { phone: "6281200000003", name: "Ani" })).toMatchObject([200, { name: "Ani" }])
    const client = connect()
    await client.untilQr()
    expect(await call("POST", `/phones/${SITI}/scan`, { qr: client.qr })).toMatchObject([200, { number: 1 }])
    await client.untilClosed()
    client.reconnect()
    await client.untilOnline()
    const [, { id }] = await call("POST", `/phones/${BUDI}/messages`, { to: SITI, text: "halo" })
    expect((await client.untilMessage("halo")).message.key.id).toBe(id)
    const first = await client.send(BUDI, "satu")
    const second = await client.send(BUDI, "dua")
    await client.untilAck(second)
    const later = [{ id: second, text: "dua", from: SITI }]
    expect(await call("GET", `/phones/${BUDI}/messages?after=${first}`)).toMatchObject([200, { messages: later }])
    await call("POST", `/phones/${BUDI}/read`, { id: first })
    await client.untilStatus(first, 4)
    const receipts = await call("POST", `/phones/${BUDI}/receipts`, { read: true })
    expect(receipts).toEqual([200, { delivered: true, read: true, sender: true }])
    await call("POST", `/phones/${BUDI}/auto-reply`, { echo: true })
    await client.send(BUDI, "gema")
    await client.untilMessage("gema")
    const { noiseRootKey, url } = server
    expect(await call("GET", "/")).toMatchObject([200, { url, noiseRootKey, connections: [{ phone: SITI }] }])
    expect(await call("GET", "/stats")).toMatchObject([200, { messagesAccepted: 3, undecryptable: 0 }])
    expect(await call("DELETE", `/phones/${SITI}/devices/1`)).toEqual([200, {}])
    await client.untilClosed()
    expect(client.closeCode).toBe(401)
  })

  it("links by code", async () => {
    const { call, connect, server } = await controlled()
    const client = connect()
    await client.untilQr()
    const asked = server.waitFor("pairingCodeRequested")
    const code = await client.socket.requestPairingCode(SITI)
    await asked
    expect(await call("POST", `/phones/${SITI}/pairing-code`, { code })).toMatchObject([200, { number: 1 }])
  })

  it("sets faults, breaks streams and takes faults back", async () => {
    const { call, link, server } = await controlled()
    const client = await link()
    const added = await call("POST", "/faults", { kind: "ack-error", code: 463, times: 1 })
    expect(added).toMatchObject([200, { id: expect.any(Number) }])
    expect((await client.untilAck(await client.send(BUDI, "x"))).error).toBe("463")
    await call("POST", "/faults", { kind: "upgrade-hang" })
    expect(await call("GET", "/faults")).toMatchObject([200, { faults: [{ fault: { kind: "upgrade-hang" } }] }])
    await call("DELETE", "/faults")
    expect(server.faults.active).toEqual([])
    await call("POST", "/faults", { kind: "stream-error", phone: SITI, code: 503 })
    await client.untilClosed()
    expect(client.closeCode).toBe(503)
  })

  it("lets letters come late and twice, receipts out of turn, and counts keys", async () => {
    const { budi, call, link, server } = await controlled()
    const client = await link()
    const [, letter] = await call("POST", `/phones/${BUDI}/letters`, { to: SITI, text: "terlambat" })
    await call("POST", `/phones/${BUDI}/messages`, { to: SITI, text: "dulu" })
    await client.untilMessage("dulu")
    await call("POST", `/phones/${BUDI}/letters/${letter.id}/deliver`)
    expect((await client.untilMessage("terlambat")).message.key.id).toBe(letter.id)
    await budi.waitForStatus(letter.id, "delivered")
    expect(await call("GET", `/phones/${BUDI}/status/${letter.id}`)).toEqual([200, { status: "delivered" }])
    const redelivered = server.waitFor("receipt", ({ ids }) => ids.includes(letter.id))
    await call("POST", `/phones/${BUDI}/resend`, { id: letter.id })
    await redelivered
    await call("POST", `/phones/${BUDI}/receipts`, { delivered: false })
    const sent = await client.send(BUDI, "dibaca")
    await client.untilAck(sent)
    await call("POST", `/phones/${BUDI}/receipt`, { to: SITI, id: sent, type: "read" })
    await client.untilStatus(sent, 4)
    const uploaded = server.waitFor("preKeys")
    await call("POST", `/phones/${SITI}/devices/1/pre-keys`, { drop: true })
    await uploaded
    expect(await call("GET", `/phones/${SITI}/devices/1`)).toMatchObject([200, { online: true, reusedPreKeyIds: [] }])
    expect(await call("GET", "/audit")).toMatchObject([200, { accepted: 1, shown: 1, unreadable: [] }])
    expect(await call("POST", `/phones/${BUDI}/receipt`, { to: SITI, id: sent, type: "eaten" })).toEqual(refusal(400, "bad-request"))
    expect(await call("POST", `/phones/${BUDI}/letters/none/deliver`)).toEqual(refusal(404, "unknown-message"))
  })

  it("makes groups, speaks in them and changes them", async () => {
    const { call, link } = await controlled()
    const client = await link()
    const [status, made] = await call("POST", `/phones/${BUDI}/groups`, { subject: "Keluarga", members: [SITI] })
    const { jid } = made
    expect([status, made]).toMatchObject([200, { subject: "Keluarga", addressing: "lid", members: [{ phone: BUDI }, { phone: SITI }] }])
    await call("POST", `/phones/${BUDI}/messages`, { to: jid, text: "halo" })
    expect((await client.untilMessage("halo")).message.key.remoteJid).toBe(jid)
    const changed = await call("PATCH", `/phones/${BUDI}/groups/${jid}`, { subject: "Baru", announcement: true })
    expect(changed).toMatchObject([200, { subject: "Baru", announcement: true, locked: false }])
    await client.untilEvent("groups.update", (all) => all.some((each) => each.subject === "Baru"))
    const added = await call("POST", `/phones/${BUDI}/groups/${jid}/add`, { members: [ANI, SITI] })
    expect(added).toEqual([200, { results: [{ phone: ANI, code: 200 }, { phone: SITI, code: 409 }] }])
    await call("POST", `/phones/${BUDI}/groups/${jid}/promote`, { members: [SITI] })
    await client.untilEvent("group-participants.update", ({ action }) => action === "promote")
    const sent = await client.socket.sendMessage(jid, { text: "siap" })
    await client.untilAck(sent?.key.id ?? "")
    const shown = await call("GET", `/phones/${ANI}/messages`)
    expect(shown).toMatchObject([200, { messages: [{ chat: jid, from: SITI, text: "siap" }] }])
    expect(await call("GET", "/audit")).toMatchObject([200, { accepted: 1, shown: 1, acceptedNotShown: [] }])
    expect(await call("POST", `/phones/${ANI}/messages`, { to: jid, text: "?" })).toEqual(refusal(403, "refused"))
    expect(await call("DELETE", `/phones/${ANI}/groups/${jid}`)).toEqual([200, {}])
    expect(await call("GET", `/phones/${ANI}/groups/${jid}`)).toEqual(refusal(403, "refused"))
    expect(await call("GET", "/groups")).toMatchObject([200, { groups: [{ jid, members: [{}, { role: "admin" }] }] }])
    expect(await call("POST", `/phones/${BUDI}/groups`, { subject: "x" })).toEqual(refusal(400, "bad-request"))
  })

  it("sends media and reads those that arrive", async () => {
    const { call, link, server } = await controlled()
    const agent = new HttpsAgent({ ca: server.mediaCa })
    onTestFinished(() => agent.destroy())
    const client = await link(SITI, { fetchAgent: agent })
    const base64 = Buffer.from("gambar").toString("base64")
    const picture = { to: SITI, kind: "image", caption: "lihat", base64 }
    const [, sent] = await call("POST", `/phones/${BUDI}/media`, picture)
    const sha256 = createHash("sha256").update("gambar").digest("hex")
    expect(sent).toMatchObject({ kind: "image", caption: "lihat", size: 6, sha256 })
    await client.until(() => client.messages.some(({ message }) => message.key.id === sent.id), "the picture")
    const document = { document: Buffer.from("gambar"), mimetype: "text/plain", fileName: "a.txt" }
    const answer = await client.socket.sendMessage(`${BUDI}@s.whatsapp.net`, document)
    const id = answer?.key.id ?? ""
    await client.untilAck(id)
    const medium = { kind: "document", mimetype: "text/plain", fileName: "a.txt", size: 6, sha256 }
    expect(await call("GET", `/phones/${BUDI}/messages/${id}/medium`)).toMatchObject([200, medium])
    expect(await call("GET", `/phones/${BUDI}/messages`)).toMatchObject([200, { messages: [{ id, medium }] }])
    expect(await call("POST", `/phones/${BUDI}/messages/${sent.id}/medium/expire`, { status: 404 })).toEqual([200, {}])
    expect(await call("POST", `/phones/${SITI}/reuploads`, { how: "not-found" })).toEqual([200, {}])
    expect(await call("GET", `/phones/${BUDI}/messages/none/medium`)).toEqual(refusal(404, "unknown-message"))
    expect(await call("POST", `/phones/${BUDI}/media`, { to: SITI, kind: "image" })).toEqual(refusal(400, "bad-request"))
  })

  it("holds what people show, say about messages and remember", async () => {
    const { call, link } = await controlled()
    await call("POST", `/phones/${SITI}/history`, { chat: BUDI, inline: true, messages: [{ text: "dulu", id: "LAMA1" }] })
    const client = await link()
    await client.untilEvent("messaging-history.set", ({ messages }) => messages.some(({ key }) => key.id === "LAMA1"))
    const picture = Buffer.from("wajah").toString("base64")
    const changed = await call("PATCH", `/phones/${BUDI}`, { name: "Budi Baru", about: "sibuk", picture })
    expect(changed).toMatchObject([200, { name: "Budi Baru", about: "sibuk", picture: expect.stringMatching(/^https:/) }])
    expect(await client.socket.fetchStatus(`${BUDI}@s.whatsapp.net`)).toMatchObject([{ status: { status: "sibuk" } }])
    const id = await client.send(BUDI, "halo")
    await client.untilAck(id)
    await call("POST", `/phones/${BUDI}/messages/${id}/react`, { emoji: "👍" })
    await client.untilEvent("messages.reaction", ([reacted]) => reacted?.key.id === id)
    const [, reply] = await call("POST", `/phones/${BUDI}/messages/${id}/reply`, { text: "hai juga" })
    await client.untilMessage("hai juga")
    await call("POST", `/phones/${BUDI}/messages/${reply.id}/revoke`)
    const [, place] = await call("POST", `/phones/${BUDI}/messages`, { to: SITI, message: { locationMessage: { degreesLatitude: -6.2 } } })
    const find = () => client.messages.find(({ message }) => message.key.id === place.id)?.message
    await client.until(() => find() !== undefined, "the place")
    expect(find()?.message?.locationMessage?.degreesLatitude).toBe(-6.2)
    const reacting = await client.socket.sendMessage(`${BUDI}@s.whatsapp.net`, { react: { text: "❤️", key: find()?.key ?? {} } })
    await client.untilAck(reacting?.key.id ?? "")
    const shown = { messages: [{ id, kind: "text" }, { kind: "reaction", to: place.id, emoji: "❤️" }] }
    expect(await call("GET", `/phones/${BUDI}/messages`)).toMatchObject([200, shown])
    expect(await call("POST", `/phones/${BUDI}/presence`, { type: "asleep" })).toEqual(refusal(400, "bad-request"))
  })

  it("says in JSON what is wrong", async () => {
    const { call, url } = await controlled()
    expect(await call("GET", "/nothing")).toMatchObject([404, { error: { code: "not-found" } }])
    expect(await call("POST", "/phones", {})).toEqual(refusal(400, "bad-request", "phone is missing"))
    expect(await call("GET", "/phones/6289999999999")).toMatchObject([404, { error: { code: "unknown-phone" } }])
    expect(await call("POST", `/phones/${SITI}/scan`, { qr: "x" })).toMatchObject([400, { error: { code: "bad-qr" } }])
    const byCode = await call("POST", `/phones/${SITI}/pairing-code`, { code: "x" })
    expect(byCode).toEqual(refusal(404, "no-code-request"))
    expect(await call("DELETE", `/phones/${SITI}/devices/9`)).toEqual(refusal(404, "unknown-device"))
    expect(await call("POST", "/faults", { kind: "earthquake" })).toEqual(refusal(400, "bad-request"))
    const half = await call("POST", "/faults", { kind: "ack-error" })
    expect(half).toEqual(refusal(400, "bad-request", "ack-error needs code, a number"))
    expect((await fetch(`${url}/phones`, { method: "POST", body: "{" })).status).toBe(400)
  })
})

describe("the command", () => {
  it("prints what to set, serves, and ends on SIGTERM", async () => {
    const command = ["src/emulator/command.ts", "0", "0"]
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] })
    onTestFinished(() => void child.kill("SIGKILL"))
    const lines: Array<string> = []
    for await (const line of createInterface({ input: child.stdout })) if (lines.push(line) === 3) break
    expect(lines[0]).toMatch(/^WA_SOCKET_URL=ws:\/\/127\.0\.0\.1:\d+\/ws\/chat$/)
    expect(lines[1]).toMatch(/^WA_NOISE_ROOT_KEY=[0-9a-f]{64}$/)
    expect(await readFile(lines[2]?.split("=")[1] ?? "", "utf8")).toMatch(/^-----BEGIN CERTIFICATE/)
    const client = new Client(lines[0]?.split("=")[1] ?? "")
    await client.untilQr()
    child.kill("SIGTERM")
    const [code, signal] = await once(child, "exit")
    expect([0, 143, null]).toContain(code)
    expect([null, "SIGTERM"]).toContain(signal)
    await client.untilClosed()
  })
})

describe("the layer", () => {
  it("runs for as long as its scope", async () => {
    const server = await Effect.runPromise(
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const client = new Client(emulator.url)
        yield* Effect.promise(() => client.untilQr())
        return emulator
      }).pipe(Effect.provide(Emulator.layer()))
    )
    expect(server.connections).toEqual([])
    await expect(fetch(server.url.replace("ws:", "http:"))).rejects.toThrow("fetch failed")
  })
})
