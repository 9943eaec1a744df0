import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

layer(httpLayer())("devices", (it) => {
  it.effect("an administrator creates one, for himself or for a user; its proxy is told to nobody", () =>
    Effect.gen(function*() {
      const admin = yield* makeUser("admin")
      const { user } = yield* makeUser("user")
      const create = (body: object) => ask("POST", `${api}/devices`, { token: admin.token, body })
      const own = yield* create({ deviceName: "Device Utama" })
      expect(own.status).toBe(201)
      expect(own.json).toEqual({
        success: true,
        data: expect.objectContaining({
          id: expect.any(Number), deviceId: expect.stringMatching(/^device-/), deviceName: "Device Utama", userId: admin.user.id,
          status: "disconnected", reason: "not_paired", phoneNumber: null, createdAt: expect.stringMatching(/Z$/)
        })
      })
      const theirs = yield* create({
        deviceName: "Kasir", userId: user.id, deviceId: "kasir-1", browserName: "Toko",
        proxyUrl: "http://proxyuser:proxypass@10.1.1.1:8080"
      })
      expect(theirs.json.data).toMatchObject({ deviceId: "kasir-1", userId: user.id })
      expect(theirs.text + (yield* ask("GET", `${api}/devices/kasir-1`, { token: admin.token })).text).not.toMatch(/proxy/i)
      const { settings } = yield* Devices
      expect((yield* settings("kasir-1" as never)).browserName).toBe("Toko")
      expect((yield* create({ deviceName: "Kasir", deviceId: "kasir-1" })).json.error).toEqual({
        code: "DEVICE_EXISTS", details: { deviceId: "kasir-1" }
      })
      expect((yield* create({ deviceName: "Kasir", userId: 9999 })).json.error.code).toBe("USER_NOT_FOUND")
      expect((yield* create({ deviceName: " " })).json.error.details[0].field).toBe("deviceName")
      const proxy = yield* create({ deviceName: "x", proxyUrl: "ftp://proxyuser:proxypass@x" })
      expect([proxy.status, proxy.text.includes("proxypass")]).toEqual([400, false])
    }))

  it.effect("connects, shows its QR code in every form, and disconnects", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const path = `${api}/devices/${deviceId}`
      const before = yield* ask("GET", `${path}/qr`, { token })
      expect([before.status, before.json.error.code]).toEqual([409, "NOT_PAIRING"])

      const { data } = (yield* ask("POST", `${path}/connect`, { token })).json
      expect(data).toMatchObject({ deviceId, status: "qr_required", reason: "pairing", qr: "2@text-of-the-code" })
      expect(data.qrCode).toMatch(/^data:image\/png;base64,/)
      const qr = (yield* ask("GET", `${path}/qr`, { token })).json.data
      expect(qr).toMatchObject({ deviceId, qr: "2@text-of-the-code", qrCode: data.qrCode })
      const image = (yield* ask("GET", `${path}/qr-image`, { token })).json.data
      expect(image).toMatchObject({ deviceId, qrImage: data.qrCode, format: "png", message: "QR Code sebagai image" })
      expect((yield* ask("GET", `${path}/qr-base64`, { token })).json.data).toEqual(image)

      const status = (yield* ask("GET", `${path}/status`, { token })).json.data
      expect(Object.keys(status)).toEqual(expect.arrayContaining([
        "status", "reason", "reasonText", "since", "retryAt", "restriction", "phoneNumber"
      ]))
      const stopped = (yield* ask("DELETE", `${path}/disconnect`, { token })).json.data
      expect(stopped).toMatchObject({ status: "disconnected", reason: "stopped" })
      expect((yield* ask("GET", `${path}/qr`, { token })).status).toBe(409)
    }))

  it.effect("is wiped under both names, and deleted", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("admin")
      const { deviceId } = yield* makeDevice(user)
      const path = `${api}/devices/${deviceId}`
      for (const [method, name] of [["POST", "cancel-and-wipe"], ["DELETE", "session"]] as const) {
        yield* ask("POST", `${path}/connect`, { token })
        expect((yield* ask(method, `${path}/${name}`, { token })).json.data).toMatchObject({ deviceId, phoneNumber: null })
        expect((yield* ask("GET", `${path}/qr`, { token })).status).toBe(409)
      }
      expect((yield* ask("DELETE", path, { token })).json).toMatchObject({ success: true, data: { deviceId } })
      expect((yield* ask("GET", path, { token })).status).toBe(404)
    }))

  it.effect("gives a pairing code for a number in any form", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("admin")
      const { deviceId } = yield* makeDevice(user)
      const pair = (body: object) => ask("POST", `${api}/devices/${deviceId}/pairing-code`, { token, body })
      const { data } = (yield* pair({ phoneNumber: "+62 812-3456-7890" })).json
      expect(data).toMatchObject({ phoneNumber: "6281234567890", pairingCode: "ABCD1234", formattedCode: "ABCD-1234" })
      expect((yield* pair({ phone: "6281234567899" })).json.error.code).toBe("DEVICE_ALREADY_PAIRED")
      const failed = yield* pair({ phone: "6281234567898" })
      expect([failed.status, failed.json.error.code]).toEqual([502, "PAIRING_FAILED"])
      expect((yield* pair({ phone: "081" })).json.error.details[0].field).toBe("phone")
    }))

  it.effect("pages through a long list", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const all = yield* Effect.replicateEffect(makeDevice(user), 5)
      const seen: Array<string> = []
      let after = "0"
      for (let pages = 0; pages < 4; pages++) {
        const { headers, json } = yield* ask("GET", `${api}/devices?limit=2&after=${after}`, { token })
        seen.push(...json.data.map((device: { deviceId: string }) => device.deviceId))
        const next = headers.get("x-next-after")
        if (next === null) break
        after = next
      }
      expect(seen).toEqual(all.map(({ deviceId }) => deviceId))
    }))
})
