import { Duration } from "effect"

/** What Baileys asks of a cache, with a bound: the entry that was used least recently goes first. */
export class BoundedCache<V = unknown> {
  readonly #capacity: number
  readonly #ttl: number
  readonly #entries = new Map<string, { readonly value: V; readonly until: number }>()

  constructor(options: { readonly capacity: number; readonly ttl: Duration.DurationInput }) {
    this.#capacity = options.capacity
    this.#ttl = Duration.toMillis(options.ttl)
  }

  get<T = V>(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.until < performance.now()) return undefined
    this.#entries.set(key, entry)
    return entry.value as unknown as T
  }

  set<T = V>(key: string, value: T): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value: value as unknown as V, until: performance.now() + this.#ttl })
    if (this.#entries.size > this.#capacity) this.#entries.delete(this.#entries.keys().next().value!)
  }

  del(key: string): void {
    this.#entries.delete(key)
  }

  flushAll(): void {
    this.#entries.clear()
  }

  get size(): number {
    return this.#entries.size
  }
}
