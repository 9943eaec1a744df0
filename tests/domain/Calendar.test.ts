import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import fc from "fast-check"
import { dateOf, Day, dayOf, offsets, startOf, TimeZone } from "../../src/domain/Calendar.ts"

const zoneOf = Schema.decodeSync(TimeZone)
const day = Schema.decodeSync(Day)
const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"), "UTC").map((name) => zoneOf(name))
const moments = fc.integer({ min: Date.UTC(2012, 0, 1), max: Date.UTC(2035, 0, 1) })
/** What a calendar on the wall says, by another way. */
const wall = (zone: TimeZone, at: number) =>
  new Intl.DateTimeFormat("en-CA", { timeZone: zone.id, year: "numeric", month: "2-digit", day: "2-digit" }).format(at)

describe("days", () => {
  it("are read as written, and only such that there are", () => {
    expect(dateOf(day("2024-02-29"))).toBe("2024-02-29")
    for (const wrong of ["2023-02-29", "2024-2-9", "2024-13-01", "today", "", "1999-12-31", "2100-01-01", "2024-01-01T00:00:00Z"]) {
      expect(Either.isLeft(Schema.decodeEither(Day)(wrong))).toBe(true)
    }
  })

  it("are those of the wall, in every zone", () => {
    fc.assert(fc.property(zones, moments, (zone, at) => {
      expect(dateOf(dayOf(zone, at))).toBe(wall(zone, at))
    }), { numRuns: 300 })
  })

  it("begin when the wall says so, and not a quarter of an hour before", () => {
    fc.assert(fc.property(zones, moments, (zone, at) => {
      const today = dayOf(zone, at)
      const start = startOf(zone, today)
      expect(dayOf(zone, start)).toBe(today)
      expect(dayOf(zone, start - 1)).toBeLessThan(today)
      expect(start).toBeLessThanOrEqual(at)
      expect(startOf(zone, today + 1)).toBeGreaterThan(at)
    }), { numRuns: 200 })
  })

  it("follow from the offsets of a period", () => {
    fc.assert(fc.property(zones, moments, fc.integer({ min: 0, max: 366 }), fc.double({ min: 0, max: 1, noNaN: true }), (zone, at, days, where) => {
      const from = dayOf(zone, at)
      const moment = Math.floor((at + where * days * 86_400_000) / 900_000)
      const { offset } = offsets(zone, from, from + days).findLast(({ since }) => since <= moment)!
      expect(Math.floor((moment + offset) / 96)).toBe(dayOf(zone, moment * 900_000))
    }), { numRuns: 100 })
  })

  it("are 23, 24 or 25 hours long where clocks are changed, and begin at one where midnight is skipped", () => {
    const hours = (zone: string, date: string) => (startOf(zoneOf(zone), day(date) + 1) - startOf(zoneOf(zone), day(date))) / 3_600_000
    expect([hours("Europe/Berlin", "2025-03-30"), hours("Europe/Berlin", "2025-10-26"), hours("Asia/Jakarta", "2025-03-30")]).toEqual([23, 25, 24])
    expect(new Date(startOf(zoneOf("Asia/Beirut"), day("2025-03-30"))).toISOString()).toBe("2025-03-29T22:00:00.000Z")
    expect(new Date(startOf(zoneOf("Asia/Kathmandu"), day("2025-01-01"))).toISOString()).toBe("2024-12-31T18:15:00.000Z")
  })
})

describe("time zones", () => {
  it("have names", () => {
    for (const name of ["Asia/Jakarta", "UTC", "Europe/Berlin"]) expect(zoneOf(name).id).toBe(name)
    for (const wrong of ["Mars/Olympus", "+07:13", "+07:00", "", "../etc/passwd", "x".repeat(65)]) {
      expect(Either.isLeft(Schema.decodeEither(TimeZone)(wrong))).toBe(true)
    }
  })
})
