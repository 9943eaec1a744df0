import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import fc from "fast-check"
import { type Attempts, nextStep, noAttempts } from "../../src/actors/Reconnect.ts"
import { CloseAction, type CloseReason } from "../../src/whatsapp/socket/CloseReason.ts"

const closed = (action: CloseAction): CloseReason => ({ reason: "connection_lost", text: "", code: null, action })
const lost = closed(CloseAction.Backoff({ base: 1000 }))

const delayOf = (attempts: Attempts, reason = lost, stable = false) =>
  Effect.map(nextStep(attempts, reason, stable), ({ step }) => step._tag === "Again" ? step.delay : -1)

describe("Reconnect", () => {
  it.effect("waits longer after each failure, never more than a minute, and at random", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() =>
        fc.assert(fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 5000 }), async (failures, base) => {
          const delay = await Effect.runPromise(delayOf({ failures, restarts: [] }, closed(CloseAction.Backoff({ base }))))
          expect(delay).toBeGreaterThanOrEqual(0)
          expect(delay).toBeLessThanOrEqual(Math.min(60_000, base * 2 ** failures))
        }))
      )
      const delays = yield* Effect.replicateEffect(delayOf({ failures: 10, restarts: [] }), 20)
      expect(new Set(delays).size).toBeGreaterThan(10)
    }))

  it.effect("never cuts a long pause short", () =>
    Effect.gen(function*() {
      const outdated = closed(CloseAction.Backoff({ base: 900_000 }))
      for (const failures of [0, 1, 20]) {
        const delay = yield* delayOf({ failures, restarts: [] }, outdated)
        expect(delay).toBeGreaterThanOrEqual(900_000)
        expect(delay).toBeLessThanOrEqual(1_125_000)
      }
    }))

  it.effect("begins anew once a socket stayed up", () =>
    Effect.gen(function*() {
      expect((yield* nextStep({ failures: 9, restarts: [] }, lost, false)).attempts.failures).toBe(10)
      expect((yield* nextStep({ failures: 9, restarts: [] }, lost, true)).attempts.failures).toBe(1)
    }))

  it.effect("restarts at once when WhatsApp asks for it, but not more than three times a minute", () =>
    Effect.gen(function*() {
      const restart = closed(CloseAction.Restart())
      let attempts = noAttempts
      for (let round = 0; round < 3; round++) {
        const next = yield* nextStep(attempts, restart, false)
        expect(next.step).toEqual({ _tag: "Again", delay: 0 })
        attempts = next.attempts
      }
      const fourth = yield* nextStep(attempts, restart, false)
      expect(fourth.attempts.failures).toBe(1)
      yield* TestClock.adjust("61 seconds")
      expect((yield* nextStep(fourth.attempts, restart, false)).step).toEqual({ _tag: "Again", delay: 0 })
    }))

  it.effect("waits for the end of a ban, holds for a person, forgets what is worthless", () =>
    Effect.gen(function*() {
      const until = DateTime.unsafeMake("2026-12-01T00:00:00Z")
      expect((yield* nextStep(noAttempts, closed(CloseAction.WaitUntil({ until })), false)).step).toEqual({ _tag: "WaitUntil", until })
      expect((yield* nextStep(noAttempts, closed(CloseAction.Yield()), true)).step).toEqual({ _tag: "Hold", forget: false })
      expect((yield* nextStep(noAttempts, closed(CloseAction.Stop()), false)).step).toEqual({ _tag: "Hold", forget: false })
      expect((yield* nextStep(noAttempts, closed(CloseAction.PairAgain()), false)).step).toEqual({ _tag: "Hold", forget: true })
    }))
})
