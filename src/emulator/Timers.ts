/** Every timer of the emulator, so that `stop` leaves none. */
export class Timers {
  readonly #live = new Set<NodeJS.Timeout>()
  #stopped = false

  after(ms: number, run: () => void): () => void {
    if (this.#stopped) return () => {}
    const timer = setTimeout(() => {
      this.#live.delete(timer)
      run()
    }, ms)
    this.#live.add(timer)
    return () => {
      clearTimeout(timer)
      this.#live.delete(timer)
    }
  }

  /** Never ends once everything has stopped. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#live) clearTimeout(timer)
    this.#live.clear()
  }
}
