import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Plan } from "./Action.ts"
import { audit } from "./Audit.ts"
import type { ChaosDatabase } from "./ChaosDatabase.ts"
import type { Findings } from "./Findings.ts"
import { mysqlDatabase } from "./mysqlDatabase.ts"
import { sqliteDatabase } from "./sqliteDatabase.ts"
import { Walk } from "./Walk.ts"
import { World } from "./World.ts"

export type DatabaseName = "sqlite" | "mysql"

export interface Outcome {
  readonly sends: number
  readonly written: number
  readonly stops: number
}

export interface RunOptions {
  readonly database: DatabaseName
  /** connections are cut at the end of patient plans too, so that all is settled soon */
  readonly hurried: boolean
}

const make: Record<DatabaseName, () => Promise<ChaosDatabase>> = { sqlite: sqliteDatabase, mysql: mysqlDatabase }

/** Longer than the service waits for an ack, a silent connection, and the next try after several failures, together. */
const settlesWithin = 150_000
const backWithin = 90_000

/** One walk in a world of its own. Fails with what was found; the service's log is then in a file. */
export const run = async (plan: Plan, { database: name, hurried }: RunOptions): Promise<Outcome> => {
  const database = await make[name]()
  const world = await World.make(database, plan.receiptDelayMs).catch(async (error: unknown) => {
    await database.close()
    throw error
  })
  try {
    const walk = new Walk(world)
    await walk.perform(plan)
    await walk.calm()
    const trouble = await bringBack(world)
    if (hurried || !plan.patient) for (const { phone } of world.devices) cut(world, phone.phone)
    const { missing, wrong } = await settled(walk)
    if (missing.length > 0 || wrong.length > 0 || trouble.length > 0) {
      throw new Error([...trouble, ...wrong.slice(0, 30), ...missing.slice(0, 30).map((each) => `missing: ${each}`)].join("\n"))
    }
    const { sends, written } = walk.diary
    return { sends: sends.length, written: written.length, stops: plan.actions.filter((action) => action.do === "stop").length }
  } catch (error) {
    // also where the walk itself broke off: a service that is gone answers nothing
    const log = join(mkdtempSync(join(tmpdir(), "wa-chaos-log-")), "service.log")
    writeFileSync(log, world.output)
    throw new Error(`${error instanceof Error ? error.message : error}\nthe service's log: ${log}`, { cause: error })
  } finally {
    await world.end()
    await database.close()
  }
}

const cut = (world: World, phone: string) => {
  try {
    world.emulator.connectionOf(phone).break("reset")
  } catch {
    // it is coming back by itself
  }
}

/** What only a person brings back is brought back; a wait that has an end is not waited for. Everything else must come by itself. */
const bringBack = async (world: World): Promise<ReadonlyArray<string>> => {
  const trouble: Array<string> = []
  for (const [device, { deviceId }] of world.devices.entries()) {
    const { reason, retryAt, status } = await world.status(device)
    const byPerson = status === "disconnected" && (reason === "replaced" || reason === "stopped")
    const waits = retryAt === null ? 0 : Date.parse(retryAt) - Date.now()
    if (waits > 80_000) trouble.push(`${deviceId} waits for ${waits} ms (${reason})`)
    if (byPerson || waits > 1000) await world.service.call("POST", world.path(device, "connect"))
  }
  const end = performance.now() + backWithin
  for (const [device, { deviceId }] of world.devices.entries()) {
    for (;;) {
      const { reason, retryAt, status } = await world.status(device)
      if (status === "connected") break
      // it may have met the rest of a fault
      if (retryAt !== null && Date.parse(retryAt) - Date.now() > 1000) await world.service.call("POST", world.path(device, "connect"))
      if (performance.now() > end) {
        trouble.push(`${deviceId} does not come back: ${status} (${reason})`)
        break
      }
      await sleep(100)
    }
  }
  return trouble
}

/** Asks until nothing is missing, and once more a moment later: what comes too often comes late. */
const settled = async (walk: Walk): Promise<Findings> => {
  const end = performance.now() + settlesWithin
  let clean = false
  for (;;) {
    const findings = await audit(walk)
    const isClean = findings.missing.length === 0 && findings.wrong.length === 0
    if (findings.wrong.length > 0 || (clean && isClean) || performance.now() > end) return findings
    clean = isClean
    await sleep(clean ? 500 : 200)
  }
}
