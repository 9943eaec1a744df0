import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { day, Pace, type Turn } from "../../src/domain/Pace.ts"
import { newChatsAllowed, type PacingSettings, settingsOf } from "../../src/domain/Pacing.ts"

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const start = 1_800_000_000_123

const usual: PacingSettings = {
  gapMin: 2, gapMax: 6, recipientGap: 6, perMinute: 60, perHour: 1000, perDay: 5000, newChatsPerDay: 100, warmUpNewChats: 20,
  warmUpDays: 10, typing: false
}

const settings = fc.record({
  gapMin: fc.integer({ min: 0, max: 5 }),
  gapMax: fc.integer({ min: 5, max: 20 }),
  recipientGap: fc.integer({ min: 0, max: 30 }),
  perMinute: fc.integer({ min: 1, max: 8 }),
  perHour: fc.integer({ min: 1, max: 20 }),
  perDay: fc.integer({ min: 1, max: 40 }),
  newChatsPerDay: fc.integer({ min: 1, max: 10 })
}).map((chosen): PacingSettings => ({ ...usual, ...chosen, warmUpNewChats: chosen.newChatsPerDay }))

const step = fc.record({
  after: fc.oneof(fc.integer({ min: 0, max: 5 * second }), fc.integer({ min: 0, max: hour }), fc.integer({ min: 0, max: 2 * day })),
  chat: fc.integer({ min: 0, max: 4 }),
  urgent: fc.boolean(),
  opensChat: fc.boolean(),
  gap: fc.double({ min: 0, max: 1, noNaN: true }),
  restart: fc.boolean()
})

interface Went extends Turn {
  readonly at: number
}

const most = (times: ReadonlyArray<number>, span: number) => Math.max(0, ...times.map((at) => times.filter((other) => other <= at && other > at - span).length))

/** What a process reads that takes over. */
const takenOver = (went: ReadonlyArray<Went>, now: number, gap: number) => {
  const minutes = Map.groupBy(went.filter(({ at }) => at >= now - day - hour / 4), ({ at }) => Math.floor(at / minute))
  return Pace.after(
    [...minutes].map(([begin, all]) => ({ at: begin * minute, count: all.length, opened: all.filter(({ opensChat }) => opensChat).length })),
    went.filter(({ at }) => at >= now - 10 * minute),
    gap
  )
}

describe("Pace", () => {
  it("is never faster than it is set, over restarts too, and always goes on", () => {
    fc.assert(fc.property(settings, fc.array(step, { maxLength: 60 }), (chosen, steps) => {
      let pace = new Pace()
      let now = start
      let gap = 0
      const went: Array<Went> = []
      for (const { after, chat, gap: part, opensChat, restart, urgent } of steps) {
        now += after
        if (restart) pace = takenOver(went, now, chosen.gapMax * second)
        const turn = { chatKey: `c${chat}`, urgent, opensChat }
        const wait = pace.wait(turn, chosen, null, now)
        if (wait !== undefined) {
          expect(wait.until).toBeGreaterThan(now)
          expect(wait.until).toBeLessThanOrEqual(now + day + hour / 4)
          now = wait.until
          // what held it longest is over, and nothing else holds it
          expect(pace.wait(turn, chosen, null, now)).toBeUndefined()
        }
        const last = went.findLast((other) => !other.urgent)
        if (!urgent && last !== undefined) expect(now - last.at).toBeGreaterThanOrEqual(restart ? chosen.gapMin * second : gap)
        const before = went.findLast(({ chatKey }) => chatKey === turn.chatKey)
        if (!urgent && before !== undefined) expect(now - before.at).toBeGreaterThanOrEqual(chosen.recipientGap * second)
        pace.begin(turn)
        if (!urgent) gap = Math.ceil((chosen.gapMin + (chosen.gapMax - chosen.gapMin) * part) * second)
        pace.go(turn, now, urgent ? 0 : gap)
        went.push({ ...turn, at: now })
      }
      const times = went.map(({ at }) => at)
      expect(most(times, minute)).toBeLessThanOrEqual(chosen.perMinute)
      expect(most(times, hour)).toBeLessThanOrEqual(chosen.perHour)
      expect(most(times, day)).toBeLessThanOrEqual(chosen.perDay)
      expect(most(went.filter(({ opensChat }) => opensChat).map(({ at }) => at), day)).toBeLessThanOrEqual(chosen.newChatsPerDay)
    }), { numRuns: 300 })
  })

  it("is not held for longer than a window by a clock that jumps, whichever way", () => {
    const jump = fc.integer({ min: -30 * day, max: 30 * day })
    fc.assert(fc.property(settings, fc.array(fc.tuple(jump, step), { minLength: 1, maxLength: 30 }), (chosen, steps) => {
      const pace = new Pace()
      let now = start
      for (const [by, { chat, opensChat, urgent }] of steps) {
        now += by
        const turn = { chatKey: `c${chat}`, urgent, opensChat }
        const wait = pace.wait(turn, chosen, null, now)
        if (wait !== undefined) {
          expect(wait.until - now).toBeLessThanOrEqual(day + hour / 4)
          now = wait.until
        }
        expect(pace.wait(turn, chosen, null, now)).toBeUndefined()
        pace.begin(turn)
        pace.go(turn, now, chosen.gapMax * second)
      }
    }), { numRuns: 200 })
  })

  it("counts what is under way, and gives back what does not go", () => {
    const pace = new Pace()
    const one: Turn = { chatKey: "c1", urgent: true, opensChat: true }
    const two: Turn = { chatKey: "c2", urgent: true, opensChat: true }
    const alone = { ...usual, newChatsPerDay: 1, warmUpNewChats: 1 }
    pace.begin(one)
    expect(pace.wait(two, alone, null, start)).toEqual({ reason: "new_chats", until: start + second })
    pace.stay(one)
    expect(pace.wait(two, alone, null, start)).toBeUndefined()
    pace.begin(two)
    pace.go(two, start, 0)
    expect(pace.wait(one, alone, null, start)!.until).toBeGreaterThanOrEqual(start + day)
    // a reply is none
    expect(pace.wait({ ...one, opensChat: false }, alone, null, start)).toBeUndefined()
  })

  it("holds what is urgent by the ceilings alone", () => {
    const pace = new Pace()
    const slow: Turn = { chatKey: "c1", urgent: false, opensChat: false }
    pace.begin(slow)
    expect(pace.wait({ ...slow, chatKey: "c2" }, usual, null, start)?.reason).toBe("pacing_gap")
    expect(pace.wait({ ...slow, urgent: true }, usual, null, start)).toBeUndefined()
    pace.go(slow, start, 3 * second)
    expect(pace.wait({ ...slow, chatKey: "c2" }, usual, null, start)).toEqual({ reason: "pacing_gap", until: start + 3 * second })
    expect(pace.wait(slow, usual, null, start)).toEqual({ reason: "pacing_recipient", until: start + 6 * second })
    expect(pace.wait({ ...slow, urgent: true }, usual, null, start)).toBeUndefined()
    const urgent = { ...slow, urgent: true }
    for (let count = 1; count < usual.perMinute; count++) {
      pace.begin(urgent)
      pace.go(urgent, start, 0)
    }
    expect(pace.wait(urgent, usual, null, start)).toMatchObject({ reason: "pacing_minute" })
  })
})

describe("warm-up", () => {
  it("grows evenly from the first day to the last, and never beyond", () => {
    const paired = start
    const on = (days: number) => newChatsAllowed(usual, paired, paired + days * day)
    expect([on(0), on(0.9), on(1), on(9), on(400)]).toEqual([20, 20, 28, 100, 100])
    expect(on(-5)).toBe(20)
    expect(newChatsAllowed(usual, null, start)).toBe(100)
    expect(newChatsAllowed({ ...usual, warmUpNewChats: 500 }, paired, paired)).toBe(100)
  })

  it("one side of a gap that is chosen beyond the other's default takes that along", () => {
    expect(settingsOf(usual, { gapMin: 30 })).toMatchObject({ gapMin: 30, gapMax: 30 })
    expect(settingsOf(usual, { gapMax: 1 })).toMatchObject({ gapMin: 1, gapMax: 1 })
    expect(settingsOf(usual, null)).toEqual(usual)
  })
})
