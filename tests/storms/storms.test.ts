import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { mysqlDatabase } from "../chaos/mysqlDatabase.ts"
import { sqliteDatabase } from "../chaos/sqliteDatabase.ts"
import { JobSite } from "./JobSite.ts"
import { type Size, storms } from "./storms.ts"

// STORMS=all for every storm on jobs of 500 messages to 50 chats; STORM_KILLS for another number of kills
const full = process.env["STORMS"] === "all"
const kills = Number(process.env["STORM_KILLS"] ?? (full ? 200 : 3))
const size: Size = full ? { messages: 500, chats: 50, kills, killsPerJob: 20 } : { messages: 60, chats: 12, kills, killsPerJob: 3 }
const databases = [{ name: "SQLite", make: sqliteDatabase }, { name: "MySQL", make: mysqlDatabase }]

describe.each(databases)("a job on $name: each message arrives once, in the order of its chat", ({ make, name }) => {
  it.each(storms.filter(({ long }) => full || long !== true))("while $name", async (storm) => {
    const begun = performance.now()
    const site = await JobSite.make(await make(), size.chats, storm.environment ?? {})
    let jobs = 0
    try {
      for await (const job of storm.jobs(site, size)) {
        expect(await job.audit()).toEqual([])
        jobs++
      }
      expect(site.output).not.toMatch(/could not be handled|loop failed/)
    } catch (error) {
      const log = join(mkdtempSync(join(tmpdir(), "wa-storm-log-")), "service.log")
      writeFileSync(log, site.output)
      throw new Error(`${error instanceof Error ? error.message : error}\nthe service's log: ${log}`, { cause: error })
    } finally {
      await site.end()
    }
    if (full) process.stdout.write(`${name}: ${storm.name}: ${jobs} jobs, ${((performance.now() - begun) / 1000).toFixed(0)} s\n`)
  }, full ? 5_400_000 : 240_000)
})
