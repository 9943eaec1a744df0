import { it } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Schedules } from "../../src/sql/schedules/Schedules.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, makeDevice, time, world } from "./world.ts"

const minute = 60_000
const call = { idempotencyKey: undefined, requestHash: undefined }
const schedule = (slot: number, when: { readonly cron?: string; readonly missed?: "send_once" | "skip"; readonly quietHours?: { readonly from: string; readonly to: string } } = {}) => ({
  to: phoneJid(ani),
  content: { _tag: "Text", text: "pagi", mentions: [], preview: null } as const,
  timing: {
    at: when.cron === undefined ? time(slot) : null,
    cron: when.cron ?? null,
    timeZone: DateTime.zoneUnsafeMakeNamed("UTC"),
    missed: when.missed ?? "send_once",
    quietHours: when.quietHours ?? null
  } as const,
  slot: time(slot)
})

/** Those of these devices that have come, by several processes at once; how many messages there are now. */
const runDue = Effect.fnUntraced(function*(...devices: ReadonlyArray<{ readonly deviceId: DeviceId }>) {
  const schedules = yield* Schedules
  const ids = new Set(devices.map(({ deviceId }) => deviceId))
  const due = (yield* schedules.due(100)).filter(({ deviceId }) => ids.has(deviceId))
  const ran = yield* Effect.all(due.flatMap((one) => [schedules.run(one), schedules.run(one), schedules.run(one)]), { concurrency: "unbounded" })
  return ran.filter((sent) => sent).length
})

const made = Effect.fnUntraced(function*(...args: Parameters<typeof schedule>) {
  const deviceId = yield* makeDevice
  const schedules = yield* Schedules
  const { schedule: found } = yield* schedules.create(deviceId, schedule(...args), call)
  const { scheduleId } = found
  const state = Effect.flatMap(schedules.get(deviceId, scheduleId), (now) =>
    Effect.map(schedules.slots(now, 10), (slots) => ({
      status: now.status, nextAt: now.nextAt?.epochMillis ?? null, slots: slots.map(({ messageId, slot }) => [slot.epochMillis, messageId !== null])
    })))
  return { deviceId, scheduleId, state }
})

describeDatabases("Schedules", (database) => {
  it.layer(world(database), { timeout: 60_000 })((it) => {
    it.effect("one message at its time, whoever asks and how often", () =>
      Effect.gen(function*() {
        const one = yield* made(minute)
        const { deviceId, state } = one
        yield* TestClock.setTime(minute - 1)
        expect(yield* runDue(one)).toBe(0)
        yield* TestClock.setTime(minute)
        expect(yield* runDue(one)).toBe(1)
        expect(yield* runDue(one)).toBe(0)
        expect(yield* state).toEqual({ status: "completed", nextAt: null, slots: [[minute, true]] })
        expect((yield* (yield* Outbox).due(deviceId, 10)).map(({ content }) => content)).toEqual(["pagi"])
      }))

    it.effect("again and again, each slot once; of the missed ones the last", () =>
      Effect.gen(function*() {
        const one = yield* made(minute, { cron: "* * * * *" })
        for (let slot = 1; slot <= 3; slot++) {
          yield* TestClock.setTime(slot * minute + 100)
          expect(yield* runDue(one)).toBe(1)
        }
        yield* TestClock.setTime(60 * minute + 100)
        expect(yield* runDue(one)).toBe(1)
        expect(yield* one.state).toEqual({
          status: "active",
          nextAt: 61 * minute,
          slots: [[60 * minute, true], [3 * minute, true], [2 * minute, true], [minute, true]]
        })
      }))

    it.effect("what was missed is skipped by those who want it so", () =>
      Effect.gen(function*() {
        const hourly = yield* made(60 * minute, { cron: "0 * * * *", missed: "skip" })
        const once = yield* made(60 * minute, { missed: "skip" })
        const late = yield* made(60 * minute)
        yield* TestClock.setTime(90 * minute)
        expect(yield* runDue(hourly, once, late)).toBe(1)
        expect(yield* hourly.state).toEqual({ status: "active", nextAt: 120 * minute, slots: [[60 * minute, false]] })
        expect(yield* once.state).toEqual({ status: "missed", nextAt: null, slots: [[60 * minute, false]] })
        expect((yield* late.state).status).toBe("completed")
      }))

    it.effect("waits for the end of quiet hours", () =>
      Effect.gen(function*() {
        const one = yield* made(60 * minute, { quietHours: { from: "00:30", to: "07:00" }, missed: "skip" })
        yield* TestClock.setTime(61 * minute)
        expect(yield* runDue(one)).toBe(0)
        yield* TestClock.setTime(7 * 60 * minute)
        expect(yield* runDue(one)).toBe(1)
        expect(yield* one.state).toMatchObject({ status: "completed", slots: [[60 * minute, true]] })
      }))

    it.effect("changed and cancelled before its time, and gone with its device", () =>
      Effect.gen(function*() {
        const schedules = yield* Schedules
        const devices = yield* Devices
        const one = yield* made(minute)
        const { deviceId, scheduleId, state } = one
        yield* schedules.change(deviceId, scheduleId, schedule(5 * minute))
        yield* TestClock.setTime(minute)
        expect(yield* runDue(one)).toBe(0)
        yield* schedules.cancel(deviceId, scheduleId)
        yield* TestClock.setTime(5 * minute)
        expect(yield* runDue(one)).toBe(0)
        expect(yield* state).toEqual({ status: "cancelled", nextAt: null, slots: [] })
        expect(yield* Effect.flip(schedules.cancel(deviceId, scheduleId))).toMatchObject({ _tag: "ScheduleNotChangeable" })
        const other = yield* made(10 * minute)
        yield* devices.remove(other.deviceId, (yield* devices.claim(other.deviceId)).epoch)
        yield* TestClock.setTime(10 * minute)
        expect(yield* runDue(other)).toBe(0)
      }))
  })
})
