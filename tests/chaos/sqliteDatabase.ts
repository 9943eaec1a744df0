import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { type ChaosDatabase, queries, type StoredEvent, type StoredMessage } from "./ChaosDatabase.ts"

const open = (file: string) => new DatabaseSync(file, { timeout: 0 })

/** Begins to write as another process would; waits for its turn without keeping this process busy. */
const holdWriteLock = async (file: string, ms: number) => {
  const database = open(file)
  try {
    for (let tries = 0; tries < 2000; tries++) {
      try {
        database.exec("BEGIN IMMEDIATE")
        break
      } catch {
        await sleep(2)
      }
    }
    await sleep(ms)
  } finally {
    database.close()
  }
}

export const sqliteDatabase = async (): Promise<ChaosDatabase> => {
  const folder = mkdtempSync(join(tmpdir(), "wa-chaos-"))
  const file = join(folder, "chaos.db")
  return {
    name: "SQLite",
    environment: { DATABASE_URL: `sqlite:${file}` },
    disturb: (_, ms) => holdWriteLock(file, ms),
    read: async () => {
      const database = open(file)
      try {
        database.exec("PRAGMA busy_timeout = 1000; BEGIN")
        const all = (query: string): unknown => database.prepare(query).all()
        const count = (query: string) => Number(database.prepare(query).get()?.["n"])
        return {
          messages: all(queries.messages) as ReadonlyArray<StoredMessage>,
          events: all(queries.events) as ReadonlyArray<StoredEvent>,
          journalled: count(queries.journalled),
          unreadable: count(queries.unreadable)
        }
      } finally {
        database.close()
      }
    },
    close: async () => rmSync(folder, { recursive: true, force: true })
  }
}
