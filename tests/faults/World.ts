import type { TestDatabase } from "../support/databases.ts"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { assertInvariants } from "./Invariants.ts"
import { makeSite, type Site } from "./Site.ts"
import { openStore, type Place } from "./Store.ts"

/** An emulator, a service that rows share which leave each other alone, and services of their own for the others. */
export interface World {
  readonly database: TestDatabase
  readonly emulator: EmulatorProcess
  readonly site: Site
  /** all rows, at full length */
  readonly full: boolean
  /** Runs with a service of its own; at the end nothing may be lost on it. */
  readonly alone: <A>(
    run: (site: Site) => Promise<A>,
    options?: { readonly environment?: Readonly<Record<string, string>>; readonly database?: Place; readonly firstLife?: Readonly<Record<string, string>> }
  ) => Promise<A>
  readonly end: () => Promise<void>
}

/** Services of their own at the same time: more would measure the machine. */
const sitesAtOnce = 2

export const startWorld = async (database: TestDatabase, full: boolean): Promise<World> => {
  const emulator = await startEmulatorProcess()
  const site = await makeSite({ emulator, store: await openStore(database) })
  await site.start()
  let free = sitesAtOnce
  const waiting: Array<() => void> = []
  const take = () => (free > 0 ? Promise.resolve(void free--) : new Promise<void>((resolve) => waiting.push(resolve)))
  const give = () => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  return {
    database,
    emulator,
    site,
    full,
    alone: async (run, { environment = {}, database: place = database, firstLife = {} } = {}) => {
      await take()
      try {
        const own = await makeSite({ emulator, store: await openStore(place), environment })
        try {
          await own.start(firstLife)
          const result = await run(own)
          await assertInvariants(own)
          return result
        } catch (error) {
          throw new Error(`${error instanceof Error ? error.message : String(error)}\n${own.logs().split("\n").filter((line) => !line.includes('"message":"request"')).join("\n").slice(-4000)}`, { cause: error })
        } finally {
          await own.remove()
        }
      } finally {
        give()
      }
    },
    end: async () => {
      await site.remove()
      await emulator.end()
    }
  }
}
