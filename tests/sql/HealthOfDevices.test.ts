import { it } from "@effect/vitest"
import { DateTime, Effect, Layer, TestClock } from "effect"
import { expect } from "vitest"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { HealthOfDevices } from "../../src/sql/devices/HealthOfDevices.ts"
import { makeIncidents } from "../../src/sql/devices/Incidents.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, direct, makeDevice, unreadable, world } from "./world.ts"

describeDatabases("HealthOfDevices", (database) => {
  it.layer(Layer.fresh(HealthOfDevices.layer).pipe(Layer.provideMerge(world(database))))((it) => {
    it.effect("counts what goes wrong as it happens, for an hour and for a day, and says what follows", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_800_000_000_000)
        const [devices, outbox, health] = [yield* Devices, yield* Outbox, yield* HealthOfDevices]
        const deviceId = yield* makeDevice
        const look = Effect.flatMap(devices.get(deviceId), health.of)
        expect((yield* look).risk).toEqual({ level: "low", reasons: [] })
        const { epoch } = yield* devices.claim(deviceId)
        const on = { status: "connected", reason: null, reasonText: null, retryAt: null, restriction: null } as const
        for (let time = 0; time < 3; time++) {
          yield* devices.setState(deviceId, epoch, on)
          yield* devices.setState(deviceId, epoch, { ...on, status: "connecting", reason: "connection_lost" })
        }
        for (const whatsapp of [null, 463]) {
          yield* outbox.accept({ deviceId, to: ani, text: "x" })
          const [row] = yield* outbox.due(deviceId, 1)
          yield* outbox.claim(deviceId, epoch, [{ row: row!, payload: new Uint8Array([1]) }])
          yield* outbox.failed(deviceId, row!, { code: "NO_DEVICES", text: "no", whatsapp })
        }
        yield* (yield* Messages).record(deviceId, [unreadable(direct({ phone: ani }), "U1")])
        const bad = yield* look
        expect(bad.hour.incidents).toEqual([
          { kind: "disconnect", code: "connection_lost", count: 3 }, { kind: "failed", code: "NO_DEVICES", count: 1 },
          { kind: "refused", code: "463", count: 1 }, { kind: "undecryptable", code: "", count: 1 }
        ])
        expect([bad.hour.sent, bad.hour.deliveredRatio, bad.risk]).toEqual([0, null, { level: "medium", reasons: ["refused", "disconnects"] }])
        const now = (yield* (yield* makeIncidents).ofDevices(10)).find((found) => found.deviceId === deviceId)
        expect([now?.kind, now?.lastDay, now?.lastHour]).toEqual(["disconnect", 3, 3])
        const until = DateTime.add(yield* DateTime.now, { hours: 3 })
        yield* devices.setState(deviceId, epoch, { ...on, restriction: { kind: "reachout_timelock", code: 463, until } })
        yield* TestClock.adjust("2 hours")
        const later = yield* look
        expect([later.hour.incidents, later.day.incidents.length]).toEqual([[], 5])
        expect(later.risk).toEqual({ level: "high", reasons: ["restricted", "refused"] })
        const counted = (yield* (yield* makeIncidents).ofDevices(10)).filter((found) => found.deviceId === deviceId)
        expect(counted.map(({ kind, lastDay, lastHour }) => [kind, lastDay, lastHour])).toEqual([
          ["disconnect", 3, 0], ["failed", 1, 0], ["refused", 1, 0], ["restriction", 1, 0], ["undecryptable", 1, 0]
        ])
        yield* TestClock.adjust("25 hours")
        expect((yield* look).risk.level).toBe("low")
      }))
  })
})
