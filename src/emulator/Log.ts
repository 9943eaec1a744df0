/** The last entries of something, at most `limit`. */
export class Log<A> {
  readonly #entries: Array<A> = []
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get entries(): ReadonlyArray<A> {
    return this.#entries
  }

  push(entry: A): void {
    this.#entries.push(entry)
    // In strides: shifting an array for every message is what costs under load.
    if (this.#entries.length > this.#limit * 1.1 + 10) this.#entries.splice(0, this.#entries.length - this.#limit)
  }

  clear(): void {
    this.#entries.length = 0
  }
}

/** The last values by key, at most `limit`; the oldest are forgotten. */
export class Recent<A> {
  readonly #values = new Map<string, A>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#values.size
  }

  /** The values whose keys the other does not have. */
  without(other: Recent<unknown>): ReadonlyArray<A> {
    return [...this.#values].flatMap(([key, value]) => other.has(key) ? [] : [value])
  }

  get(key: string): A | undefined {
    return this.#values.get(key)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  set(key: string, value: A): void {
    this.#values.set(key, value)
    if (this.#values.size <= this.#limit) return
    const oldest = this.#values.keys().next().value
    if (oldest !== undefined) this.#values.delete(oldest)
  }
}
