import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** Asks until the answer is true; what fails meanwhile is not true yet. */
export const until = async (what: string, ask: () => Promise<boolean>, { every = 50, within = 60_000 } = {}): Promise<void> => {
  const end = performance.now() + within
  let last: unknown
  for (;;) {
    try {
      if (await ask()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}`, { cause: last })
    await sleep(every)
  }
}

/** At most `concurrency` at a time; the first failure is everybody's. */
export const forEach = async <A>(items: Iterable<A>, concurrency: number, each: (item: A) => Promise<unknown>): Promise<void> => {
  const iterator = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await each(next.value)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

export const range = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from }, (_, index) => from + index)

/** A port that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
