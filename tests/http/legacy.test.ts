import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

layer(httpLayer())("the paths of older clients", (it) => {
  it.effect("make a device for whoever has none, one, however many ask at once", () =>
    Effect.gen(function*() {
      const devices = yield* Devices
      const { token, user } = yield* makeUser("user")
      const statuses = yield* Effect.all(Array.from({ length: 4 }, () => ask("GET", "/api/whatsapp/status", { token })), { concurrency: 4 })
      const [made] = yield* devices.list({ userId: user.id, limit: 10 })
      expect(yield* devices.list({ userId: user.id, limit: 10 })).toHaveLength(1)
      for (const { json } of statuses) expect(json.data).toMatchObject({ deviceId: made!.deviceId, status: "disconnected", reason: "not_paired" })
    }))

  it.effect("work on the first device: pair, send, ask", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const first = yield* makeDevice(user)
      yield* makeDevice(user)
      const call = (method: string, path: string, body?: unknown) => ask(method, `/api/whatsapp${path}`, { token, body })
      const connected = yield* call("POST", "/connect")
      expect(connected.json.data).toMatchObject({ deviceId: first.deviceId, status: "qr_required", qr: expect.any(String), qrCode: expect.stringMatching(/^data:image/) })
      expect((yield* call("GET", "/status")).json.data.qrCode).toMatch(/^data:image/)
      expect((yield* call("POST", "/regenerate-qr")).json.data).toMatchObject({ status: "qr_required", qr: expect.any(String) })
      const sent = yield* call("POST", "/send-message", { phone: "+62 812-3456-7890", message: "halo" })
      expect([sent.status, sent.json.data.status, sent.json.data.deviceId]).toEqual([200, "sent", first.deviceId])
      expect((yield* call("POST", "/send-message", { to: "6281234560404", text: "halo" })).json.error.code).toBe("NOT_ON_WHATSAPP")
      expect((yield* call("GET", "/messages")).json.data).toEqual({ items: [], nextCursor: null, hasMore: false })
      expect((yield* call("GET", "/contacts")).json.data).toEqual({ items: [], nextCursor: null, hasMore: false })
      expect((yield* call("POST", "/disconnect")).json.data).toMatchObject({ status: "disconnected", reason: "stopped" })
    }))
})
