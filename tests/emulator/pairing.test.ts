import { describe, expect, it } from "vitest"
import { BUDI, SITI, world } from "./world.ts"

describe("linking by QR", () => {
  it("links a plain Baileys client, restarts it with 515 and lets it log in", async () => {
    const { connect, server, siti } = await world()
    const client = connect()
    await client.untilQr()
    const linked = await siti.scan(client.qr ?? "")
    await client.untilClosed()
    expect(client.closeCode).toBe(515)
    expect(client.auth.creds.me).toMatchObject({ id: linked.jid, lid: siti.account.lidJid(linked.number) })
    expect(client.auth.creds.platform).toBe("android")
    client.reconnect()
    await client.untilOnline()
    expect(siti.linked).toEqual([{ number: 1, jid: linked.jid, online: true, queued: expect.any(Number) }])
    expect(server.stats).toMatchObject({ pairings: 1, logins: 1, unknown: 0 })
    expect(siti.account.companion(1)?.preKeyIds.length).toBe(812 - server.stats.preKeysConsumed)
    expect(server.failures).toEqual([])
  })

  it("sends the first history, so that the client does not wait for it", async () => {
    const { link } = await world()
    const client = await link()
    await client.until(() => client.auth.creds.accountSyncCounter === 1, "first history", 3_000)
    expect(client.auth.creds.myAppStateKeyId).toBeDefined()
  })

  it("refuses a QR code that was used, is out of its turn, or is of nobody", async () => {
    const { connect, siti, budi } = await world({ qr: { firstMs: 60_000, nextMs: 20_000 } })
    const client = connect({ qrTimeout: 30 })
    await client.until(() => client.connection.filter((update) => update.qr).length >= 3, "three QR codes")
    const codes = client.connection.flatMap((update) => update.qr ?? [])
    await siti.scan(codes[1] ?? "")
    const over = { code: expect.stringMatching(/expired-ref|unknown-ref/) }
    await expect(budi.scan(codes[1] ?? "")).rejects.toMatchObject(over)
    await expect(budi.scan(codes[0] ?? "")).rejects.toMatchObject(over)
    await expect(budi.scan("https://example.com")).rejects.toMatchObject({ code: "bad-qr" })
  })

  it("refuses a ref whose turn is over, and closes when the last one is", async () => {
    const { connect, siti } = await world({ qr: { count: 2, firstMs: 60, nextMs: 500 } })
    const client = connect({ qrTimeout: 100 })
    await client.until(() => client.connection.filter((update) => update.qr).length >= 2, "second QR")
    const [first] = client.connection.flatMap((update) => update.qr ?? [])
    await expect(siti.scan(first ?? "")).rejects.toMatchObject({ code: "expired-ref" })
    await client.untilClosed()
  })

  it("refuses a QR code whose secret keys are not those of the client", async () => {
    const { connect, siti } = await world()
    const client = connect()
    await client.untilQr()
    const [head, noise, identity, secret, platform] = (client.qr ?? "").split(",")
    const swapped = [head, identity, noise, secret, platform].join(",")
    await expect(siti.scan(swapped)).rejects.toMatchObject({ code: "bad-qr" })
  })

  it("gives each linked device its own number", async () => {
    const { link, siti } = await world()
    const [first, second] = [await link(), await link()]
    expect(siti.linked.map((each) => each.jid)).toEqual([first.jid, second.jid])
    expect(first.jid).not.toBe(second.jid)
  })
})

describe("linking by code", () => {
  it("links when the person types the code, however it is written", async () => {
    const { connect, server, siti } = await world()
    const client = connect()
    await client.untilQr()
    const asked = server.waitFor("pairingCodeRequested")
    const code = await client.socket.requestPairingCode(SITI)
    expect(await asked).toEqual({ phone: SITI })
    await siti.enterPairingCode(`${code.slice(0, 4)}-${code.slice(4).toLowerCase()}`)
    await client.untilClosed()
    expect(client.closeCode).toBe(515)
    client.reconnect()
    await client.untilOnline()
    expect(client.auth.creds.registered).toBe(true)
  })

  it("refuses a wrong code as a phone does, and then takes the right one", async () => {
    const { connect, server, siti } = await world()
    const client = connect()
    await client.untilQr()
    const asked = server.waitFor("pairingCodeRequested")
    const code = await client.socket.requestPairingCode(SITI, "ABCDEFGH")
    await asked
    await expect(siti.enterPairingCode("ABCD1234")).rejects.toMatchObject({ code: "wrong-code" })
    await siti.enterPairingCode(code)
    await client.untilClosed()
    expect(client.closeCode).toBe(515)
  })

  it("knows no code nobody asked for", async () => {
    const { budi } = await world()
    await expect(budi.enterPairingCode("ABCD1234")).rejects.toMatchObject({ code: "no-code-request" })
  })
})

describe("the passkey gate", () => {
  it("stops the linking: the phone says so, the client gets the request and no pair-success", async () => {
    const { connect, server, siti } = await world()
    server.faults.add({ kind: "passkey", phone: SITI, times: 1 })
    const client = connect()
    await client.untilQr()
    const types: Array<string | undefined> = []
    client.socket.ws.on("CB:notification", (stanza: { attrs: { type?: string } }) => types.push(stanza.attrs.type))
    const asked = "CB:notification,type:passkey_prologue_request"
    const acked = new Promise((resolve) => client.socket.ws.on(asked, resolve))
    await expect(siti.scan(client.qr ?? "")).rejects.toMatchObject({ code: "passkey-required" })
    await acked
    expect(types).toEqual(["passkey_prologue_request"])
    expect(client.auth.creds.account).toBeUndefined()
    expect(siti.linked).toEqual([])
  })

  it("is of one account only", async () => {
    const { link, server, siti } = await world()
    const fault = server.faults.add({ kind: "passkey", phone: BUDI })
    await link(SITI)
    expect([siti.linked.length, fault.hits]).toEqual([1, 0])
  })
})
