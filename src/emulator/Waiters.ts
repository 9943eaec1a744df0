import { EmulatorError } from "./EmulatorError.ts"
import type { Timers } from "./Timers.ts"

interface Waiter<A> {
  readonly accepts: (event: A) => boolean
  readonly resolve: (event: A) => void
}

/** Those who wait for one of a kind of events, each until its own time is over. */
export class Waiters<A> {
  readonly #timers: Timers
  readonly #waiting = new Set<Waiter<A>>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  wait(accepts: (event: A) => boolean, what: string, timeoutMs = 10_000): Promise<A> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(timeoutMs, () => {
        this.#waiting.delete(waiter)
        reject(new EmulatorError("timeout", `${what}: not within ${timeoutMs} ms`))
      })
      const waiter: Waiter<A> = {
        accepts,
        resolve: (event) => {
          cancel()
          resolve(event)
        }
      }
      this.#waiting.add(waiter)
    })
  }

  tell(event: A): void {
    for (const waiter of this.#waiting) {
      if (!waiter.accepts(event)) continue
      this.#waiting.delete(waiter)
      waiter.resolve(event)
    }
  }
}
