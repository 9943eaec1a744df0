import { type Fiber, Scheduler } from "effect"

/** How long fibers may run, in milliseconds, before sockets and timers have their turn. */
const slice = 10

/**
 * Runs fibers as microtasks, as Effect does by itself, but only for `slice` milliseconds of a turn of the event loop: the rest
 * waits in line for the next one. Effect counts per fiber, up to 2,048 steps. Steps that ask SQLite are synchronous, so
 * hundreds of devices that start together would keep the loop from all sockets for seconds.
 */
export class TurnScheduler implements Scheduler.Scheduler {
  /** When this turn's first step ran, in milliseconds; unknown until there is one. */
  #began: number | undefined
  /** One for each fiber at most. While there is one, the next turn is asked for. */
  #waiting: Array<() => void> = []

  readonly #runner = Scheduler.SchedulerRunner.cached((_, drain) => {
    const run = () => drain(0)
    queueMicrotask(() => (this.#isOver() ? this.#waiting.push(run) : run()))
  })

  scheduleTask(task: Scheduler.Task, priority: number, fiber?: Fiber.RuntimeFiber<unknown, unknown>): void {
    this.#runner(fiber).scheduleTask(task, priority)
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return Scheduler.defaultScheduler.shouldYield(fiber)
  }

  #isOver(): boolean {
    if (this.#began === undefined) {
      this.#began = performance.now()
      setImmediate(this.#nextTurn)
    }
    return this.#waiting.length > 0 || performance.now() - this.#began > slice
  }

  readonly #nextTurn = (): void => {
    this.#began = undefined
    if (this.#waiting.length === 0) return
    const began = performance.now()
    const waiting = this.#waiting
    let next = 0
    while (next < waiting.length && performance.now() - began <= slice) waiting[next++]?.()
    this.#waiting = waiting.slice(next)
    if (this.#waiting.length === 0) return
    this.#began = began
    setImmediate(this.#nextTurn)
  }
}
