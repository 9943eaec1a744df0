import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect, Redacted, TestClock } from "effect"
import { expect } from "vitest"
import { DeviceId } from "../../src/domain/DeviceId.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { UserId } from "../../src/domain/User.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Devices, type DeviceState } from "../../src/sql/devices/Devices.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, eventsOf, lid, makeDevice, makeUser, text, time, typesOf, world } from "./world.ts"

const state = (some: Partial<DeviceState>): DeviceState => ({
  status: "connected",
  reason: null,
  reasonText: null,
  retryAt: null,
  restriction: null,
  ...some
})
const proxyUrl = Redacted.make("socks5://user:secret@127.0.0.1:1080")

describeDatabases("Devices", (database) => {
  it.layer(world(database))((it) => {
    it.effect("a new device is not paired and wanted offline; its id is made if none is given", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const userId = yield* makeUser
        yield* TestClock.setTime(1_734_567_890)
        const device = yield* devices.create({ userId, deviceName: "Toko 🛒" })
        expect(device.deviceId).toMatch(new RegExp(`^device-${userId}-1734567890-\\d{5}$`))
        expect(device).toMatchObject({ deviceName: "Toko 🛒", status: "disconnected", reason: "not_paired", wanted: "offline", isPaired: false })
        expect(yield* devices.get(device.deviceId)).toEqual(device)
        expect(yield* Effect.flip(devices.create({ userId, deviceName: "x", deviceId: device.deviceId }))).toMatchObject({ _tag: "DeviceExists" })
        expect(yield* Effect.flip(devices.create({ userId: UserId.make(999_999), deviceName: "x" }))).toMatchObject({ _tag: "UserNotFound" })
        expect(yield* Effect.flip(devices.get(DeviceId.make("none")))).toMatchObject({ _tag: "DeviceNotFound" })
      }))

    it.effect("two creations of one id at the same time: one device", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const userId = yield* makeUser
        const create = devices.create({ userId, deviceName: "x", deviceId: DeviceId.make(`twice-${userId}`) })
        const exits = yield* Effect.all([Effect.either(create), Effect.either(create)], { concurrency: 2 })
        expect(exits.map((exit) => exit._tag).toSorted()).toEqual(["Left", "Right"])
        expect(exits.find((exit) => exit._tag === "Left")!.left).toMatchObject({ _tag: "DeviceExists" })
      }))

    it.effect("the proxy is readable for its device and nowhere in the table", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const sql = yield* SqlClient.SqlClient
        const userId = yield* makeUser
        const one = yield* devices.create({ userId, deviceName: "x", deviceId: DeviceId.make(`p1-${userId}`), proxyUrl, browserName: "Shop" })
        const two = yield* devices.create({ userId, deviceName: "x", deviceId: DeviceId.make(`p2-${userId}`) })
        const settings = yield* devices.settings(one.deviceId)
        expect(Redacted.value(settings.proxyUrl!)).toBe(Redacted.value(proxyUrl))
        expect(settings.browserName).toBe("Shop")
        expect(yield* devices.settings(two.deviceId)).toEqual({ proxyUrl: undefined, browserName: undefined })
        const rows = yield* sql<{ proxyUrl: Uint8Array }>`SELECT proxy_url FROM whatsapp_sessions WHERE device_id = ${one.deviceId}`
        expect(Buffer.from(rows[0]!.proxyUrl).includes("secret")).toBe(false)
        yield* sql`UPDATE whatsapp_sessions SET proxy_url = ${rows[0]!.proxyUrl} WHERE device_id = ${two.deviceId}`
        expect((yield* Effect.exit(devices.settings(two.deviceId)))._tag).toBe("Failure")
      }))

    it.effect("lists and counts leave out what is being deleted", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const userId = yield* makeUser
        const made = yield* Effect.forEach(["a", "b", "c", "d"], (name) =>
          devices.create({ userId, deviceName: name, deviceId: DeviceId.make(`${name}-${userId}`) }))
        yield* devices.setWanted(made[1]!.deviceId, "deleted")
        const names = (filter: { status?: "connected" | "disconnected"; after?: number; limit: number }) =>
          Effect.map(devices.list({ userId, ...filter }), (rows) => rows.map((row) => row.deviceName))
        expect(yield* names({ limit: 10 })).toEqual(["a", "c", "d"])
        expect(yield* names({ limit: 1, after: made[0]!.id })).toEqual(["c"])
        expect(yield* names({ limit: 10, status: "connected" })).toEqual([])
        const { epoch } = yield* devices.claim(made[2]!.deviceId)
        yield* devices.setState(made[2]!.deviceId, epoch, state({}))
        expect(yield* names({ limit: 10, status: "connected" })).toEqual(["c"])
        expect(yield* devices.countByStatus).toContainEqual({ status: "connected", count: 1 })
      }))

    it.effect("a deletion that has begun is not called back", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        expect((yield* devices.setWanted(deviceId, "online")).wanted).toBe("online")
        expect(yield* devices.wanted).toContainEqual(expect.objectContaining({ deviceId, wanted: "online" }))
        yield* devices.setWanted(deviceId, "deleted")
        expect((yield* devices.setWanted(deviceId, "online")).wanted).toBe("deleted")
        expect(yield* Effect.flip(devices.setWanted(DeviceId.make("none"), "online"))).toMatchObject({ _tag: "DeviceNotFound" })
      }))

    it.effect("every claim makes a new owner, and the old one writes nothing any more", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        const epochs = yield* Effect.all(
          Array.from({ length: 6 }, () => Effect.map(devices.claim(deviceId), ({ epoch }) => epoch)),
          { concurrency: "unbounded" }
        )
        expect(epochs.toSorted()).toEqual([1, 2, 3, 4, 5, 6])
        const before = yield* devices.get(deviceId)
        const old = [
          devices.setState(deviceId, 5, state({})),
          devices.showQr(deviceId, 5, { qr: "q", qrCode: "d", expiresAt: time(1) }),
          devices.showPairingCode(deviceId, 5, { pairingCode: "ABCD1234", phone: ani, expiresAt: time(1) }),
          devices.setPairing(deviceId, 5, { jid: phoneJid(ani), lid: null, phone: ani, pushName: null }),
          devices.wipe(deviceId, 5),
          devices.remove(deviceId, 5),
          devices.setState(DeviceId.make("none"), 1, state({}))
        ]
        for (const effect of old) expect(yield* Effect.flip(effect)).toMatchObject({ _tag: "OwnerChanged" })
        expect(yield* devices.get(deviceId)).toEqual(before)
        expect(yield* eventsOf(deviceId)).toEqual([])
      }))

    it.effect("a changed state is told under both names, an unchanged one not", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        const { epoch } = yield* devices.claim(deviceId)
        const lost = state({ status: "disconnected", reason: "connection_lost", reasonText: "no link", retryAt: time(9000) })
        yield* TestClock.setTime(5000)
        yield* devices.setState(deviceId, epoch, lost)
        yield* TestClock.setTime(6000)
        yield* devices.setState(deviceId, epoch, { ...lost, reasonText: "still no link".padEnd(900, "!") })
        expect(yield* typesOf(deviceId)).toEqual(["device-status", "whatsapp-status"])
        expect((yield* eventsOf(deviceId))[0]!.data).toMatchObject({
          status: "disconnected",
          reason: "connection_lost",
          retryAt: "1970-01-01T00:00:09.000Z",
          since: "1970-01-01T00:00:05.000Z"
        })
        const device = yield* devices.get(deviceId)
        expect(device).toMatchObject({ since: time(5000), retryAt: time(9000) })
        expect(device.reasonText).toHaveLength(512)
        yield* devices.setState(deviceId, epoch, { ...lost, retryAt: time(9999) })
        const restriction = { kind: "temporary_ban", code: 101, until: time(99_000) } as const
        yield* devices.setState(deviceId, epoch, { ...lost, retryAt: time(9999), restriction })
        yield* devices.setState(deviceId, epoch, { ...lost, retryAt: time(9999), restriction: { ...restriction } })
        expect(yield* typesOf(deviceId)).toHaveLength(6)
        expect((yield* devices.get(deviceId)).restriction).toEqual(restriction)
      }))

    it.effect("a QR code is shown, told, and gone with the next state", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const deviceId = yield* makeDevice
        const { epoch } = yield* devices.claim(deviceId)
        const qr = { qr: "2@abc", qrCode: "data:image/png;base64,x", expiresAt: time(60_000) }
        yield* devices.showQr(deviceId, epoch, qr)
        yield* devices.showQr(deviceId, epoch, { ...qr, qr: "2@def" })
        yield* devices.showPairingCode(deviceId, epoch, { pairingCode: "ABCD1234", phone: ani, expiresAt: time(60_000) })
        expect(yield* typesOf(deviceId)).toEqual(["device-status", "whatsapp-status", "qr-code", "qr-code", "pairing-code"])
        expect(yield* devices.get(deviceId)).toMatchObject({
          status: "qr_required", reason: "pairing", qr: "2@def", qrExpiresAt: time(60_000), pairingCode: "ABCD1234"
        })
        yield* devices.setState(deviceId, epoch, state({ status: "connecting" }))
        expect(yield* devices.get(deviceId)).toMatchObject({ qr: null, qrExpiresAt: null, pairingCode: null })
      }))

    it.effect("a wipe forgets the pairing and keeps the history; a removal leaves messages and events", () =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const messages = yield* Messages
        const outbox = yield* Outbox
        const contacts = yield* Contacts
        const sql = yield* SqlClient.SqlClient
        const deviceId = yield* makeDevice
        const { device, epoch } = yield* devices.claim(deviceId)
        yield* devices.setPairing(deviceId, epoch, { jid: phoneJid(budi), lid: lid("9"), phone: budi, pushName: "Shop" })
        yield* devices.setState(deviceId, epoch, state({}))
        yield* messages.record(deviceId, [text(direct({ phone: ani }), "A1", "halo")])
        const { message } = yield* outbox.accept({ deviceId, to: ani, text: "waits" })
        yield* sql`INSERT INTO auth_state ${sql.insert({ deviceId, type: "creds", id: "", value: Buffer.from("x") })}`
        yield* sql`INSERT INTO inbound_journal ${
          sql.insert({ deviceId, kind: "message", digest: deviceId, value: Buffer.from("x"), createdAt: 0 })
        }`
        yield* devices.wipe(deviceId, epoch)
        expect(yield* devices.get(deviceId)).toMatchObject({ status: "disconnected", reason: "not_paired", jid: null, lid: null, phoneNumber: null, pushName: null })
        expect(yield* sql`SELECT id FROM auth_state WHERE device_id = ${deviceId}`).toEqual([])
        expect(yield* sql`SELECT id FROM inbound_journal WHERE device_id = ${deviceId}`).toEqual([])
        expect((yield* typesOf(deviceId)).slice(-2)).toEqual(["device-status", "whatsapp-status"])
        expect(yield* messages.history(deviceId, { chat: phoneJid(ani), limit: 9 })).toHaveLength(2)

        const told = yield* eventsOf(deviceId)
        yield* devices.remove(deviceId, epoch)
        expect(yield* Effect.flip(devices.get(deviceId))).toMatchObject({ _tag: "DeviceNotFound" })
        expect(yield* contacts.list(deviceId, { limit: 9 })).toEqual([])
        expect(yield* eventsOf(deviceId)).toEqual(told)
        // the contact is gone, the message still knows whom it was for
        expect(yield* messages.get(deviceId, message.messageId)).toMatchObject({ status: "cancelled", chat: { jid: phoneJid(ani), phone: ani } })
        expect(yield* outbox.due(deviceId, 9)).toEqual([])

        const other = devices.create({ userId: yield* makeUser, deviceName: "x", deviceId })
        expect(yield* Effect.flip(other)).toMatchObject({ _tag: "DeviceExists" })
        yield* devices.create({ userId: device.userId, deviceName: "x", deviceId })
        yield* messages.record(deviceId, [text(direct({ phone: ani }), "A2", "halo")])
        expect((yield* eventsOf(deviceId)).at(-1)!.sequence).toBe(told.length + 1)
      }))
  })
})
