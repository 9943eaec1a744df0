import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { makeService, type Service, type SseEvent } from "../support/service.ts"

const api = "/api/whatsapp-multi-device"
const day = 86_400_000
const nobody = "6285500000404"
// a day that is over: what the clock shows does not matter
const then = Math.floor(Date.now() / day) * day - 5 * day
const at = (hours: number) => new Date(then + hours * 3_600_000)
const dayOf = (time: number | string) => new Date(time).toISOString().slice(0, 10)
// oxlint-disable-next-line typescript/no-explicit-any
type Row = Record<string, any>
// what is out may yet become delivered: rows are compared by what stays
const ids = (items: ReadonlyArray<Row>) => items.map(({ id }) => id)
const contents = (items: ReadonlyArray<Row>) => items.map(({ content }) => content)

describe.each(e2eDatabases)("what was said and who may know it, by the built service on $name", (database) => {
  let emulator: EmulatorServer
  let proxy: Proxy
  let service: Service
  let events: ReturnType<Service["events"]>
  let siti: Phone
  let budi: Phone
  let ani: Phone
  let group = ""
  let device = ""
  let output = ""

  const ask = (method: string, path: string, body?: unknown) => service.ask(method, `${api}/devices/${device}/${path}`, body)
  const get = (path: string): Promise<Row> => ask("GET", path)
  const history = async (query = ""): Promise<ReadonlyArray<Row>> => (await get(`chat-history/${budi.phone}?limit=200&${query}`)).items
  const told = (type: string, matches: (event: SseEvent) => boolean, deviceId = device) =>
    events.waitFor(type, (event) => event.type === type && event.deviceId === deviceId && matches(event), 30_000)
  const write = async (phone: Phone, to: string, text: string) => {
    const id = await phone.send(to, text)
    await told(phone === siti ? "message.sent" : "message.received", ({ data }) => data["messageId"] === id)
  }
  /** Status and code of the answer to whoever these headers stand for; not the administrator. */
  const answered = async (headers: Record<string, string>, method: string, path: string, body?: object): Promise<[number, string | undefined, Row]> => {
    const json = { "content-type": "application/json" }
    const response = await fetch(service.url + path, { method, headers: { ...headers, ...(body && json) }, ...(body && { body: JSON.stringify(body) }) })
    const answer = (await response.json()) as Row
    return [response.status, answer["error"]?.code, answer["data"]]
  }
  /** All pages, each by the cursor of the one before it. */
  const paged = async (path: string, cursor: "before" | "after", start?: number) => {
    const pages: Array<ReadonlyArray<Row>> = []
    for (let next: number | null | undefined = start; next !== null;) {
      const page = await get(`${path}${path.includes("?") ? "&" : "?"}${next === undefined ? "" : `${cursor}=${next}`}`)
      expect(page["hasMore"]).toBe(page["nextCursor"] !== null)
      pages.push(page["items"])
      next = page["nextCursor"]
    }
    return pages
  }

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: true })
    // a history names no host of its own: Baileys asks WhatsApp's for it
    const media = Number(new URL(`https://${emulator.media.server.host}`).port)
    proxy = await startProxy({ route: (host, port) => host === "mmg.whatsapp.net" ? { host: "127.0.0.1", port: media } : { host, port } })
    siti = emulator.phone("6281211110001", "Siti")
    budi = emulator.phone("6281299990001", "Budi Santoso")
    ani = emulator.phone("6281299990002", "Ani")
    group = siti.groups.create("Keluarga", [budi.phone, ani.phone]).jid
    siti.remember(budi.phone, [
      { content: "Ada sepatu merah?", at: at(10) },
      { content: "Ada, ukuran 40", fromMe: true, at: at(16.5) },
      { content: "Saya ambil besok", at: at(17.5) }
    ])
    siti.remember(group, [{ content: "Kapan kumpul?", from: ani.phone, at: at(11) }, { content: "Sabtu", fromMe: true, at: at(12) }])
    service = await makeService({
      ...(await database.create()), WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, WA_MEDIA_CA: emulator.mediaCa,
      LOG_LEVEL: "debug"
    }, (chunk) => { output += chunk.toString() })
    await service.start()
    events = service.events(undefined, { tokenInQuery: true })
    await events.waitFor("connected", (event) => event.type === "connected")
    device = (await service.ask("POST", `${api}/devices`, { deviceName: "Toko", proxyUrl: proxy.at("http") })).deviceId
    await ask("POST", "connect")
    await siti.scan((await get("qr"))["qr"])
    await until("the device to be connected", async () => (await get("status"))["status"] === "connected" || undefined, 60_000)
  }, 180_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.stop()
    await proxy?.close()
    service?.remove()
    await database.drop()
  }, 30_000)

  it("what the phone remembers is taken over, marked as such, and is no news", async () => {
    await told("history.synced", ({ data }) => data["syncType"] === "RECENT")
    const pieces = events.received.filter(({ type }) => type === "history.synced").map(({ data }) => data)
    expect(pieces).toMatchObject([{ chats: 2, messages: 2, stored: 2 }, { chats: 2, messages: 5, stored: 3, progress: 100 }])
    expect(await history()).toMatchObject([
      { content: "Saya ambil besok", direction: "incoming", historical: true, timestamp: at(17.5).toISOString() },
      { content: "Ada, ukuran 40", direction: "outgoing", historical: true, status: "read" },
      { content: "Ada sepatu merah?", chat: { jid: budi.jid, lid: budi.lid, phone: budi.phone }, historical: true }
    ])
    const { items } = await get(`group-chat-history/${group}`)
    expect(items).toMatchObject([{ content: "Sabtu", direction: "outgoing" }, { content: "Kapan kumpul?", participant: ani.jid, historical: true }])
    expect(events.received.filter(({ type }) => type.startsWith("message."))).toEqual([])
    expect(await get(`statistics?from=${dayOf(then)}`)).toMatchObject({ incomingMessages: 0, outgoingMessages: 0, activeChats: 0 })

    const jakarta = `daily-chat-list?timeZone=Asia/Jakarta&date=${dayOf(then)}`
    expect(await get(jakarta)).toMatchObject({
      totalChats: 2, incomingMessages: 2, outgoingMessages: 2,
      items: [{ name: "Budi Santoso", isGroup: false, lastMessage: { content: "Ada, ukuran 40" } }, { name: "Keluarga", isGroup: true, messageCount: 2 }]
    })
    expect((await paged(`${jakarta}&limit=1`, "after")).map((items) => items.map(({ name }) => name))).toEqual([["Budi Santoso"], ["Keluarga"]])
    // half past five in the afternoon in UTC is the next day in Jakarta
    expect(await get(`daily-chat-list?timeZone=Asia/Jakarta&date=${dayOf(then + day)}`)).toMatchObject({ totalChats: 1, items: [{ messageCount: 1 }] })
    expect(await get(`daily-chat-list?date=${dayOf(then)}`)).toMatchObject({ items: [{ lastMessage: { content: "Saya ambil besok" } }, {}], incomingMessages: 3 })
  }, 60_000)

  it("what is said now joins it: by chat, page by page, filtered, by word, and in the day's list", async () => {
    const sent = await ask("POST", "send-message", { phone: budi.phone, message: "Sepatu sudah siap" })
    await ask("POST", "send-location", { phone: budi.phone, latitude: -6.2, longitude: 106.8, name: "Toko" })
    expect((await service.call("POST", `${api}/devices/${device}/send-message`, { phone: nobody, message: "halo" })).json.error?.code).toBe("NOT_ON_WHATSAPP")
    await ask("POST", "send-group-message", { groupId: group, message: "Jadi Sabtu?" })
    await write(siti, ani.phone, "dari ponsel")
    await write(ani, group, "Jadi")
    await write(budi, siti.phone, "Terima kasih")
    await write(budi, siti.phone, "Sepatunya bagus")

    const all = await history()
    expect(contents(all)).toEqual(["Sepatunya bagus", "Terima kasih", "Toko", "Sepatu sudah siap", "Saya ambil besok", "Ada, ukuran 40", "Ada sepatu merah?"])
    const chat = `chat-history/${encodeURIComponent(budi.lid)}?limit=3`
    const back = await paged(chat, "before")
    expect(back.map(({ length }) => length)).toEqual([3, 3, 1])
    expect(ids(back.flat())).toEqual(ids(all))
    expect(ids((await paged(chat, "after", all.at(-1)!["id"])).flat())).toEqual(ids(all).slice(0, -1).toReversed())
    expect(contents(await history("direction=outgoing"))).toEqual(["Toko", "Sepatu sudah siap", "Ada, ukuran 40"])
    expect(contents(await history("type=location"))).toEqual(["Toko"])
    expect(contents(await history(`from=${at(16.5).toISOString()}&to=${at(17.5).toISOString()}`))).toEqual(["Ada, ukuran 40"])
    expect((await history(`from=${at(24).toISOString()}`)).every(({ historical }) => historical === false)).toBe(true)
    const inGroup = await paged(`group-chat-history/${group.replace("@g.us", "")}?limit=3`, "before")
    expect(inGroup.map(contents)).toEqual([["Jadi", "Jadi Sabtu?", "Sabtu"], ["Kapan kumpul?"]])

    const found = await paged("messages/search?q=SEPATU*&limit=2", "before")
    expect(found.flatMap(contents)).toEqual(["Sepatunya bagus", "Sepatu sudah siap", "Ada sepatu merah?"])
    expect(contents((await get("messages/search?q=sepatu%20siap"))["items"])).toEqual(["Sepatu sudah siap"])
    expect((await get("messages/search?q=sandal"))["items"]).toEqual([])

    const today = `daily-chat-list?date=${dayOf(all[0]!["timestamp"])}`
    const byName = async () => Object.fromEntries((await get(today))["items"].map((each: Row) => [each["name"], each]))
    expect(await byName()).toMatchObject({
      "Budi Santoso": { messageCount: 4, incomingMessages: 2, outgoingMessages: 2, unreadCount: 2, lastMessage: { content: "Sepatunya bagus" } },
      Keluarga: { messageCount: 2, unreadCount: 1, lastMessage: { content: "Jadi" } }
    })
    expect((await ask("POST", `chats/${budi.phone}/read`, {})).read).toBe(2)
    expect((await byName())["Budi Santoso"].unreadCount).toBe(0)
    expect((await budi.waitForMessage(({ id }) => id === sent.messageId)).text).toBe("Sepatu sudah siap")
  }, 60_000)

  it("the figures add up to what was sent and received", async () => {
    const period = `from=${dayOf(then)}&to=${dayOf(Date.now() + day)}`
    const figures = await get(`statistics?${period}`)
    expect(figures).toMatchObject({
      incomingMessages: 3, outgoingMessages: 4, failedMessages: 1, activeChats: 3, askingChats: 1
    })
    const { items } = await get(`statistics/daily?${period}`)
    expect(items.map(({ date }: Row) => date)).toEqual(Array.from({ length: items.length }, (_, index) => dayOf(then + index * day)))
    const said = [...(await history()), ...(await get(`group-chat-history/${group}`))["items"], ...(await get(`chat-history/${ani.phone}`))["items"]]
    for (const each of items) {
      const times = (direction: string, time: string) => said.filter((row) => !row.historical && row.direction === direction && dayOf(row[time]) === each.date).length
      expect([each.incomingMessages, each.outgoingMessages]).toEqual([times("incoming", "timestamp"), times("outgoing", "sentAt")])
    }
    for (const name of ["incomingMessages", "outgoingMessages", "failedMessages"]) {
      expect(items.reduce((sum: number, each: Row) => sum + each[name], 0)).toBe(figures[name])
    }
  }, 30_000)

  it("people are listed and found, and WhatsApp is asked about them", async () => {
    const listed = (await paged("contacts?limit=1", "after")).flat()
    expect(listed.map(({ name, pushName }) => name ?? pushName)).toEqual(expect.arrayContaining(["Ani", "Budi Santoso"]))
    expect(listed).toEqual((await get("contacts"))["items"])
    for (const search of ["SANTO", "99990001"]) {
      expect((await get(`contacts?search=${search}`))["items"]).toMatchObject([{ jid: budi.jid, lid: budi.lid, phoneNumber: budi.phone }])
    }
    expect(await ask("POST", "contacts/check", { phones: ["+62 812-9999-0001", nobody, ani.phone] })).toMatchObject({
      items: [
        { phone: budi.phone, registered: true, jid: budi.jid },
        { phone: nobody, registered: false, jid: null, lid: null },
        { phone: ani.phone, registered: true, jid: ani.jid }
      ]
    })
    await budi.profile.setPicture(Buffer.from("wajah"))
    await ani.profile.setPicture(Buffer.from("wajah"))
    ani.profile.show("profile", "none")
    budi.profile.about = "Sedang sibuk"
    const { url } = await get(`contacts/${budi.phone}/profile-picture?size=image`)
    expect(url).toBe(budi.profile.picture!.url)
    expect(await get(`contacts/${ani.phone}/profile-picture`)).toEqual({ jid: ani.jid, size: "preview", url: null })
    expect(await get(`contacts/${budi.phone}/about`)).toMatchObject({ jid: budi.jid, about: "Sedang sibuk" })
  }, 30_000)

  it("an API key may what it is for, on its devices, until it is revoked", async () => {
    const other = (await service.ask("POST", `${api}/devices`, { deviceName: "Gudang" })).deviceId
    const make = (scope: string, deviceIds?: ReadonlyArray<string>) => service.ask("POST", "/api/api-keys", { name: scope, scopes: [scope], ...(deviceIds && { deviceIds }) })
    const [read, send, manage, bound] = [await make("read"), await make("send"), await make("manage"), await make("read", [other])]
    const calls = [["GET", "status"], ["POST", "send-message", { phone: budi.phone, message: "dari program" }], ["PUT", "pacing", { gapMin: 0, gapMax: 0 }]] as const
    const may = (headers: Record<string, string>) => Promise.all(calls.map(async ([method, path, body]) => {
      const [status, code] = await answered(headers, method, `${api}/devices/${device}/${path}`, body)
      return status < 300 ? "may" : `${status} ${code}`
    }))
    const no = "403 INSUFFICIENT_SCOPE"
    for (const name of ["x-api-key", "authorization"]) {
      const header = (key: string) => ({ [name]: name === "authorization" ? `Bearer ${key}` : key })
      expect(await may(header(read.key))).toEqual(["may", no, no])
      expect(await may(header(send.key))).toEqual([no, "may", no])
      expect(await may(header(manage.key))).toEqual([no, no, "may"])
      expect((await answered(header(bound.key), "GET", `${api}/devices`))[2]).toMatchObject([{ deviceId: other }])
      expect((await answered(header(bound.key), "GET", `${api}/devices/${other}/status`))[0]).toBe(200)
      expect((await answered(header(bound.key), "GET", `${api}/devices/${device}/status`)).slice(0, 2)).toEqual([403, "FORBIDDEN"])
      expect((await answered(header(manage.key), "GET", "/api/api-keys"))[0]).toBe(403)
    }
    await until("both messages of the key", () => budi.inbox.filter(({ text }) => text === "dari program").length === 2 || undefined, 10_000)
    await service.ask("DELETE", `/api/api-keys/${send.apiKey.id}`)
    expect(await may({ "x-api-key": send.key })).toEqual(["401 UNAUTHORIZED", "401 UNAUTHORIZED", "401 UNAUTHORIZED"])
    for (const { key } of [read, send, manage, bound]) expect(output).not.toContain(key.split("_").at(-1))
  }, 60_000)

  it("a ticket opens one stream, and nothing that was in an address is in the log", async () => {
    const { ticket } = await service.ask("POST", "/api/events/ticket", { deviceIds: [device] })
    const closing = new AbortController()
    const stream = await fetch(`${service.url}/api/events?ticket=${ticket}`, { signal: closing.signal })
    expect([stream.status, stream.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/event-stream")])
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    let read = ""
    const upTo = async (text: string) => {
      while (!read.includes(text)) read += (await reader.read()).value ?? expect.fail(`the stream ended before ${text}`)
    }
    await upTo(`"type":"connected"`)
    await write(budi, siti.phone, "lewat tiket")
    await upTo("lewat tiket")
    const stranger = "b".repeat(43)
    for (const query of [`ticket=${ticket}`, `ticket=${stranger}`, `token=${stranger}`]) {
      expect((await answered({}, "GET", `/api/events?${query}`)).slice(0, 2)).toEqual([401, "UNAUTHORIZED"])
    }
    closing.abort()
    await reader.cancel().catch(() => undefined)
    await until("the refusals in the log", () => output.split("\n").filter((line) => line.includes("/api/events") && line.includes("401")).length >= 3 || undefined, 10_000)
    for (const secret of [ticket, stranger, service.token(), service.token().split(".").at(-1)!]) expect(output).not.toContain(secret)
  }, 60_000)

  it("older clients have all they knew, on a user's first device", async () => {
    const account = { email: "rudi@example.com", password: "correct horse battery" }
    await service.ask("POST", "/api/admin/users", { username: "rudi", ...account })
    const bearer = { authorization: `Bearer ${(await service.ask("POST", "/api/auth/login", account)).token}` }
    const legacy = async (method: string, path: string, body?: object): Promise<Row> => {
      const [status, code, data] = await answered(bearer, method, `/api/whatsapp/${path}`, body)
      expect([path, status, code]).toEqual([path, 200, undefined])
      return data
    }
    const rudi = emulator.phone("6281211110002", "Rudi")
    rudi.remember(budi.phone, [{ content: "Dulu", at: at(1) }], { inline: true })
    const fresh = await legacy("GET", "status")
    expect(fresh).toMatchObject({ status: "disconnected", reason: "not_paired", isConnected: false })
    const first = await legacy("POST", "connect")
    expect(first).toMatchObject({ deviceId: fresh["deviceId"], status: "qr_required", qrCode: expect.stringMatching(/^data:image\/png/) })
    const renewed = await legacy("POST", "regenerate-qr")
    expect(renewed["qr"]).not.toBe(first["qr"])
    await rudi.scan(renewed["qr"])
    await until("the first device to be connected", async () => (await legacy("GET", "status"))["isConnected"] || undefined, 60_000)
    await told("history.synced", ({ data }) => data["syncType"] === "RECENT", fresh["deviceId"])
    expect((await answered(bearer, "POST", "/api/whatsapp/regenerate-qr")).slice(0, 2)).toEqual([409, "DEVICE_ALREADY_PAIRED"])

    const { messageId, deviceId } = await legacy("POST", "send-message", { phone: budi.phone, message: "Halo dari Rudi" })
    expect(deviceId).toBe(fresh["deviceId"])
    expect(await budi.waitForMessage(({ id }) => id === messageId)).toMatchObject({ from: rudi.phone, text: "Halo dari Rudi" })
    await budi.send(rudi.phone, "Halo juga")
    const all = await until("all messages", async () => {
      const { items } = await legacy("GET", "messages")
      return items.length === 3 ? items : undefined
    })
    expect(contents(all).toSorted()).toEqual(["Dulu", "Halo dari Rudi", "Halo juga"])
    expect(all.at(-1)).toMatchObject({ content: "Dulu", historical: true })
    const page = await legacy("GET", "messages?limit=1")
    expect(page).toMatchObject({ hasMore: true, items: [{ id: all[0]!["id"] }] })
    expect(ids((await legacy("GET", `messages?before=${page["nextCursor"]}`))["items"])).toEqual(ids(all).slice(1))
    expect(contents((await legacy("GET", "messages?direction=outgoing"))["items"])).toEqual(["Halo dari Rudi"])
    expect((await legacy("GET", "contacts?search=santoso"))["items"]).toMatchObject([{ phoneNumber: budi.phone }])
    // another's device is none of his
    expect((await answered(bearer, "GET", `${api}/devices/${device}/status`))[0]).toBe(403)
    expect(await legacy("POST", "disconnect")).toMatchObject({ status: "disconnected", reason: "stopped" })
    expect(await legacy("POST", "connect")).toMatchObject({ phoneNumber: rudi.phone })
    expect(emulator.undecryptable).toEqual([])
  }, 120_000)
})
