import type { Row, Seen } from "./Row.ts"
import type { World } from "./World.ts"

/** How many rows wait for something at the same time; most of a row is waiting. */
const atOnce = 12

/** The slowest row takes about four minutes on a machine that does nothing else. */
const deadlineMillis = 10 * 60_000

const withDeadline = <A>(running: Promise<A>): Promise<A> => {
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(new Error("The row had not ended after 10 minutes.")), deadlineMillis)
  return Promise.race([running, deadline.promise]).finally(() => clearTimeout(timer))
}

/** Starts all rows, and promises of each what it saw, or how it failed. Those that disturb others come last, one by one. */
export const runRows = (
  world: World,
  rows: ReadonlyArray<Row>,
  onEnd: (row: Row, outcome: Seen | Error) => void
): ReadonlyMap<Row, Promise<Seen | Error>> => {
  const promises = new Map<Row, Promise<Seen | Error>>()
  const run = async (row: Row, after: Promise<unknown>) => {
    await after
    let outcome: Seen | Error
    try {
      outcome = await withDeadline(row.run(world))
    } catch (error) {
      outcome = error instanceof Error ? error : new Error(String(error))
    }
    onEnd(row, outcome)
    return outcome
  }
  const start = (row: Row, after: Promise<unknown>) => {
    const promise = run(row, after)
    promises.set(row, promise)
    return promise
  }
  const lanes: Array<Promise<unknown>> = Array.from({ length: atOnce }, () => Promise.resolve())
  for (const [index, row] of rows.filter(({ alone }) => alone !== true).entries()) {
    lanes[index % atOnce] = start(row, lanes[index % atOnce]!)
  }
  let last: Promise<unknown> = Promise.all(lanes)
  for (const row of rows.filter(({ alone }) => alone === true)) last = start(row, last)
  return promises
}
