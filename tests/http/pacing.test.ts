import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AuditLog } from "../../src/sql/admin/AuditLog.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

layer(httpLayer({ PACING: "on", PACING_PER_HOUR: "700" }))("pacing over HTTP", (it) => {
  it.effect("is the service's until something is set, and again when that is taken back", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const path = `${api}/devices/${deviceId}/pacing`
      const first = (yield* ask("GET", path, { token })).json.data
      expect(first).toMatchObject({
        deviceId, enabled: true, isDefault: true,
        pacing: { gapMin: 2, gapMax: 6, recipientGap: 6, perMinute: 60, perHour: 700, perDay: 5000, newChatsPerDay: 100, typing: false },
        now: { day: { used: 0, allowed: 5000 } }
      })
      const changed = yield* ask("PUT", path, { token, body: { perMinute: 10, gapMin: 30, typing: true } })
      expect([changed.status, changed.json.data]).toMatchObject([200, {
        isDefault: false, pacing: { perMinute: 10, perHour: 700, gapMin: 30, gapMax: 30, typing: true }, defaults: first.pacing
      }])
      // it is replaced, not added to
      expect((yield* ask("PUT", path, { token, body: { perDay: 7 } })).json.data.pacing).toEqual({ ...first.pacing, perDay: 7 })
      const entries = yield* (yield* AuditLog).list({ action: "device.pacing", limit: 10 })
      expect(entries.map(({ details }) => details)).toMatchObject([{ ownerId: user.id, perDay: 7 }, { perMinute: 10, gapMin: 30, typing: true }])
      for (const body of [{}, undefined, "null"]) {
        yield* ask("PUT", path, { token, body: { perDay: 7 } })
        const back = yield* ask("PUT", path, { token, body })
        expect([back.status, back.json.data?.isDefault, back.json.data?.pacing]).toEqual([200, true, first.pacing])
      }
    }))

  it.effect("refuses what is no pace", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const refused = (body: object) =>
        Effect.map(ask("PUT", `${api}/devices/${deviceId}/pacing`, { token, body }), ({ json, status }) => [status, json.error.details.map(({ field }: { field: string }) => field)])
      expect(yield* refused({ perMinute: 0 })).toEqual([400, ["perMinute"]])
      expect(yield* refused({ gapMin: 9, gapMax: 3 })).toEqual([400, ["gapMax"]])
      expect(yield* refused({ perminute: 5 })).toEqual([400, ["perminute"]])
      expect(yield* refused({ typing: "yes" })).toEqual([400, ["typing"]])
    }))
})
