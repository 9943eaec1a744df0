import { request } from "node:http"
import { Agent } from "node:https"
import { describe, expect, it } from "vitest"
import { child } from "../../src/emulator/protocol/node.ts"
import { cert, key } from "./certificate.ts"
import { Client } from "./client.ts"
import { query, WireClient } from "./wire.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const away = async (server: Awaited<ReturnType<typeof world>>["server"], client: Client) => {
  const gone = server.waitFor("disconnected")
  await client.close()
  await gone
}

describe("login", () => {
  it("welcomes a device with success, routing and, the first time, a dirty bit", async () => {
    const { link, server, wire } = await world()
    const client = await link()
    await away(server, client)
    const raw = await wire(client)
    const [success, routing] = [await raw.node(), await raw.node()]
    expect(success).toMatchObject({ tag: "success", attrs: { lid: server.phone(SITI).account.lidJid(1) } })
    expect(child(child(routing, "edge_routing"), "routing_info")?.content).toHaveLength(8)
    raw.send(query("1", "passive", "active"))
    expect(await raw.nodesTo("ib")).toMatchObject([
      { tag: "iq", attrs: { id: "1", type: "result" } },
      { content: [{ tag: "offline", attrs: { count: "0" } }] }
    ])
    raw.send(query("2", "w:p", "ping"))
    expect(await raw.node()).toMatchObject({ tag: "iq", attrs: { id: "2", type: "result" } })
    expect(server.stats.pings).toBe(1)
  })

  it("sends an unknown device, and a known one with a foreign key, away with 401", async () => {
    const { link, keep, server, siti } = await world()
    const client = await link()
    await away(server, client)
    const { creds } = client.auth
    const stolen = { ...client.auth, creds: { ...creds, noiseKey: creds.pairingEphemeralKeyPair } }
    const thief = keep(new Client(server.url, { auth: stolen }))
    await thief.untilClosed()
    expect(thief.closeCode).toBe(401)
    siti.unlink(1)
    const again = keep(new Client(server.url, { auth: client.auth }))
    await again.untilClosed()
    expect(again.closeCode).toBe(401)
    expect(server.stats).toMatchObject({ loginFailures: 2, logins: 1 })
  })

  it("keeps one stream per device: a second login ends the first", async () => {
    const { keep, link, server } = await world()
    const first = await link()
    const second = keep(new Client(server.url, { auth: first.auth }))
    await first.untilClosed()
    expect(first.closeCode).toBe(440)
    expect(first.closeError?.data).toMatchObject({ tag: "conflict", attrs: { type: "replaced" } })
    await second.untilOnline()
    expect(server.connections.map((each) => each.label)).toEqual([{ phone: SITI, device: 1 }])
    expect(server.stats.replaced).toBe(1)
  })

  it("ends the stream of an unlinked device with 401", async () => {
    const { link, siti } = await world()
    const client = await link()
    siti.unlink(1)
    await client.untilClosed()
    expect(client.closeCode).toBe(401)
    expect(client.closeError?.data).toMatchObject({ tag: "conflict", attrs: { type: "device_removed" } })
    expect(siti.linked).toEqual([])
    expect(() => siti.unlink(1)).toThrow("no linked device")
  })

  it("takes a device off the account when the client logs out", async () => {
    const { link, server, siti } = await world()
    const client = await link()
    const gone = server.waitFor("unlinked")
    await client.socket.logout()
    await gone
    expect(siti.linked).toEqual([])
  })

  it("presents a chain that a strict client accepts, and keeps its root from a seed", async () => {
    const seed = "11".repeat(32)
    const { link, server, wire } = await world({ rootSeed: seed })
    const other = await world({ rootSeed: seed })
    expect(server.noiseRootKey).toBe(other.server.noiseRootKey)
    expect(server.noiseRootKey).toMatch(/^[0-9a-f]{64}$/)
    await wire(await link())
  })

  it("speaks TLS, if it is given a certificate", async () => {
    const { connect, server } = await world({ tls: { cert, key } })
    expect(server.url).toMatch(/^wss:/)
    await connect({ agent: new Agent({ ca: cert }) }).untilQr()
    expect(server.stats.handshakes).toBe(1)
  })

  it("speaks only WebSocket, and leaves nothing open when it stops", async () => {
    const { connect, server } = await world()
    await connect().untilQr()
    const raw = new WireClient(server.url)
    await raw.opened()
    const status = await new Promise((resolve, reject) => {
      request(server.url.replace("ws:", "http:"), (response) => resolve(response.statusCode)).on("error", reject).end()
    })
    expect(status).toBe(426)
    await server.stop()
    await raw.until(() => raw.closeCode !== undefined)
    expect(server.connections).toEqual([])
    await server.stop()
  })

  it("drops a client that speaks another protocol, and says so", async () => {
    const { server } = await world()
    const raw = new WireClient(server.url)
    await raw.opened()
    raw.sendBytes(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
    await raw.until(() => raw.closeCode !== undefined)
    expect(server.failures[0]?.message).toBe("not a WhatsApp client")
    expect(server.stats.handshakeFailures).toBe(1)
  })

  it("names the phones it has made, and only those", async () => {
    const { server } = await world()
    expect(server.phones.map((phone) => phone.phone)).toEqual([SITI, BUDI, ANI])
    expect(server.find("6280000000000")).toBeUndefined()
    expect(() => server.phone("12")).toThrow("no phone number")
  })
})
