import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { databases } from "../support/databases.ts"
import { assertInvariants, assertServer } from "./Invariants.ts"
import { matrix } from "./matrix.ts"
import { type Result, report } from "./Report.ts"
import type { Row, Seen } from "./Row.ts"
import { runRows } from "./runRows.ts"
import { startWorld, type World } from "./World.ts"

// FAULTS=all for every row at full length; FAULTS_ROWS=1,11b for some; FAULTS_DATABASE=SQLite or MySQL for one
const chosen = process.env["FAULTS_ROWS"]?.split(",").filter((row) => row !== "") ?? []
const full = process.env["FAULTS"] === "all" || chosen.length > 0
const on = databases.filter(({ name }) => [name, "", undefined].includes(process.env["FAULTS_DATABASE"]))

const isChosen = (row: Row, database: string) =>
  chosen.length > 0 ? chosen.includes(row.row) : full || row.short === true || row.short === database

if (on.length < 2 && process.env["CI"] === "true") throw new Error("no MySQL answers, and in CI it must")

/** Far beyond what any row takes on a busy machine. */
const patience = full ? 900_000 : 240_000
const results: Array<Result> = []

// the rows mostly wait, so both databases' worlds run at the same time
const worlds = on.map((database) => ({
  database,
  rows: matrix.filter((row) => isChosen(row, database.name) && (row.only ?? database.name) === database.name),
  world: undefined as World | undefined,
  promises: undefined as ReadonlyMap<Row, Promise<Seen | Error>> | undefined
}))

const progress = (database: string) => (row: Row, outcome: Seen | Error) =>
  process.stderr.write(`${database} ${row.row}: ${outcome instanceof Error ? `FAILS: ${outcome.message.split("\n")[0]}` : outcome.seen}\n`)

beforeAll(async () => {
  await Promise.all(worlds.map(async (each) => {
    each.world = await startWorld(each.database, full)
    each.promises = runRows(each.world, each.rows, full ? progress(each.database.name) : () => {})
  }))
}, 120_000)

afterAll(async () => {
  if (full) report(results)
  await Promise.all(worlds.map(({ world }) => world?.end()))
}, 60_000)

describe.each(worlds)("faults on $database.name", (at) => {
  it.each(at.rows)("$row: $fault", async (row) => {
    const outcome = await at.promises!.get(row)
    results.push({ row, database: at.database.name, outcome: outcome! })
    if (outcome instanceof Error) throw outcome
    expect(outcome?.seen).not.toBe("")
  }, patience)

  it("leaves nothing lost, doubled, unreadable or told in a wrong order, and no secret in a log", async () => {
    const { emulator, site } = at.world!
    await assertInvariants(site)
    await assertServer(emulator, site.devices.filter(({ off }) => off).map(({ phone }) => phone))
    expect(site.logs()).not.toMatch(/loop failed|could not be handled|nobody listening/i)
  }, patience)
})
