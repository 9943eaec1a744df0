import { DateTime, Either, Option } from "effect"
import { describe, expect, it } from "vitest"
import { lastSlot, parseCron, sendTime, slotAfter, timeIn } from "../../src/domain/Schedule.ts"

const zone = (name: string) => DateTime.zoneUnsafeMakeNamed(name)
const utc = (text: string) => DateTime.unsafeMake(text)
const iso = (at: DateTime.Utc) => DateTime.formatIso(at)
const now = utc("2026-03-01T00:00:00Z")
const read = (text: string, name = "Asia/Jakarta") =>
  Either.match(timeIn(text, zone(name), now), { onLeft: ({ reason }) => reason, onRight: iso })
const slots = (cron: string, name: string, from: string, count: number) => {
  let at = utc(from)
  return Array.from({ length: count }, () => iso(at = Option.getOrThrow(slotAfter({ cron, timeZone: zone(name) }, at))))
}

const reason = (cron: string) =>
  Either.match(parseCron(cron, zone("UTC"), now), { onLeft: (wrong) => wrong.reason, onRight: () => "fine" })
const quiet = (from: string, to: string, slot: string) =>
  iso(sendTime({ quietHours: { from, to }, timeZone: zone("Asia/Jakarta") }, utc(slot)))

describe("times", () => {
  it("are read with an offset, or by the clocks of the zone", () => {
    expect(read("2026-06-01T09:00:00+07:00")).toBe("2026-06-01T02:00:00.000Z")
    expect(read("2026-06-01T09:00+0700")).toBe("2026-06-01T02:00:00.000Z")
    expect(read("2026-06-01T09:00:00Z")).toBe("2026-06-01T09:00:00.000Z")
    expect(read("2026-06-01 09:00")).toBe("2026-06-01T02:00:00.000Z")
    expect(read("2026-07-01T09:00:00", "Europe/Berlin")).toBe("2026-07-01T07:00:00.000Z")
  })

  it("that are none, have passed or are far away are refused", () => {
    for (const none of ["tomorrow", "2026-02-31T09:00:00", "2026-06-01T25:00:00", "2026-06-01T09:61:00", "2026-06-01", "2026-06-01T09:00:00+99:00"]) {
      expect([none, read(none)]).toEqual([none, "no_such_time"])
    }
    // clocks go from 02:00 to 03:00 in this night
    expect(read("2026-03-29T02:30:00", "Europe/Berlin")).toBe("no_such_time")
    expect(read("2026-03-29T03:30:00", "Europe/Berlin")).toBe("2026-03-29T01:30:00.000Z")
    // of a time that comes twice it is the first
    expect(read("2026-10-25T02:30:00", "Europe/Berlin")).toBe("2026-10-25T00:30:00.000Z")
    expect(read("2026-02-28T09:00:00Z")).toBe("past")
    expect(read("2030-01-01T00:00:00Z")).toBe("too_far")
  })
})

describe("cron", () => {
  it("has five fields and some time that comes", () => {
    expect(["0 9 * * 1", "*/5 8-17 * * 1-5", "0 0 1 1 *", "0 0 29 2 *"].map(reason)).toEqual(["fine", "fine", "fine", "fine"])
    expect(["", "0 9 * *", "0 0 9 * * 1", "60 9 * * *", "x"].map(reason)).toEqual(Array.from({ length: 5 }, () => "not_cron"))
    expect(reason("0 0 31 2 *")).toBe("never")
  })

  it("keeps to the clocks of its zone when they change", () => {
    expect(slots("0 9 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3)).toEqual([
      "2026-03-28T08:00:00.000Z", "2026-03-29T07:00:00.000Z", "2026-03-30T07:00:00.000Z"
    ])
    const everyHalfHour = slots("30 * * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", 5)
    expect(everyHalfHour).toEqual([...new Set(everyHalfHour)].toSorted())
  })

  it("finds the last slot that came", () => {
    const timing = { cron: "0 * * * *", timeZone: zone("UTC") }
    const last = (until: string) => iso(lastSlot(timing, utc("2026-03-01T09:00:00Z"), utc(until)))
    expect(last("2026-03-01T12:00:00Z")).toBe("2026-03-01T12:00:00.000Z")
    expect(last("2026-03-01T12:59:59Z")).toBe("2026-03-01T12:00:00.000Z")
    expect(last("2026-03-01T09:00:00Z")).toBe("2026-03-01T09:00:00.000Z")
    expect(iso(lastSlot({ ...timing, cron: null }, utc("2026-03-01T09:00:00Z"), now))).toBe("2026-03-01T09:00:00.000Z")
  })
})

describe("quiet hours", () => {
  it("put a message off until they are over, also over midnight", () => {
    expect(quiet("21:00", "07:00", "2026-03-01T13:59:59Z")).toBe("2026-03-01T13:59:59.000Z")
    expect(quiet("21:00", "07:00", "2026-03-01T14:00:00Z")).toBe("2026-03-02T00:00:00.000Z")
    expect(quiet("21:00", "07:00", "2026-03-01T20:00:00Z")).toBe("2026-03-02T00:00:00.000Z")
    expect(quiet("21:00", "07:00", "2026-03-02T00:00:00Z")).toBe("2026-03-02T00:00:00.000Z")
    expect(quiet("12:00", "13:00", "2026-03-01T05:30:00Z")).toBe("2026-03-01T06:00:00.000Z")
    expect(iso(sendTime({ quietHours: null, timeZone: zone("UTC") }, now))).toBe(iso(now))
  })
})
