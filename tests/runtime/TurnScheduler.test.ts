import { Effect, Fiber, Scheduler } from "effect"
import { describe, expect, it } from "vitest"
import { TurnScheduler } from "../../src/runtime/TurnScheduler.ts"

const busy = (milliseconds: number) => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

/** Counts the turns of the event loop while a hundred fibers work 4 ms each, in steps of 0.2 ms. */
const turnsDuring = async (scheduler: Scheduler.Scheduler) => {
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  const step = Effect.zipRight(Effect.sync(() => busy(0.2)), Effect.yieldNow())
  const work = Effect.forEach(Array.from({ length: 100 }), () => Effect.repeatN(step, 19), { concurrency: "unbounded", discard: true })
  setImmediate(turn)
  await Effect.runPromise(Effect.withScheduler(work, scheduler))
  isOver = true
  return turns
}

describe("the scheduler of fibers", () => {
  it("lets the event loop turn while many fibers work without waiting, which Effect's own does not", async () => {
    expect(await turnsDuring(Scheduler.defaultScheduler)).toBeLessThan(10)
    expect(await turnsDuring(new TurnScheduler())).toBeGreaterThan(20)
  })

  it("runs short work within the turn, as Effect's own does", async () => {
    const scheduler = new TurnScheduler()
    let turned = false
    const work = Effect.gen(function*() {
      setImmediate(() => {
        turned = true
      })
      for (let n = 0; n < 50; n++) yield* Effect.yieldNow()
      return turned
    })
    expect(await Effect.runPromise(Effect.withScheduler(work, scheduler))).toBe(false)
  })

  it("runs everybody's steps in their order, and those first who have waited longest", async () => {
    const steps: Array<string> = []
    const fiberOf = (name: string) =>
      Effect.forEach(Array.from({ length: 5 }, (_, step) => step), (step) =>
        Effect.zipRight(Effect.sync(() => {
          busy(3)
          steps.push(`${name}${step}`)
        }), Effect.yieldNow()), { discard: true })
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    const work = Effect.forEach(names, (name) => Effect.fork(fiberOf(name))).pipe(Effect.flatMap(Fiber.joinAll))
    await Effect.runPromise(Effect.withScheduler(work, new TurnScheduler()))
    expect(steps).toEqual([0, 1, 2, 3, 4].flatMap((step) => names.map((name) => `${name}${step}`)))
  })

  it("goes on after a fiber that was interrupted while it waited in line", async () => {
    const work = Effect.gen(function*() {
      const gone = yield* Effect.fork(Effect.forever(Effect.zipRight(Effect.sync(() => busy(1)), Effect.yieldNow())))
      const other = yield* Effect.fork(Effect.repeatN(Effect.zipRight(Effect.sync(() => busy(1)), Effect.yieldNow()), 30))
      yield* Effect.sleep("15 millis")
      yield* Fiber.interrupt(gone)
      yield* Fiber.join(other)
      return "done"
    })
    expect(await Effect.runPromise(Effect.withScheduler(work, new TurnScheduler()))).toBe("done")
  })
})
