import { randomBytes } from "node:crypto"
import { createConnection, type RowDataPacket } from "mysql2/promise"
import { setTimeout as sleep } from "node:timers/promises"
import { type ChaosDatabase, queries, type StoredEvent, type StoredMessage } from "./ChaosDatabase.ts"
import { TcpProxy } from "./TcpProxy.ts"

const server = new URL(process.env["TEST_MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/")

const connect = (name?: string) => {
  const url = new URL(server)
  if (name !== undefined) url.pathname = `/${name}`
  return createConnection({ uri: url.toString(), connectTimeout: 2000 })
}

/** The service reaches it through a proxy that can fall silent and cut. */
export const mysqlDatabase = async (): Promise<ChaosDatabase> => {
  const name = `wa_chaos_${randomBytes(5).toString("hex")}`
  const admin = await connect()
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await admin.end()
  const proxy = await TcpProxy.to(server.hostname, Number(server.port || 3306))
  const url = new URL(server)
  url.host = `127.0.0.1:${proxy.port}`
  url.pathname = `/${name}`

  const lock = async (ms: number) => {
    const connection = await connect(name)
    try {
      await connection.query("SET lock_wait_timeout = 5")
      await connection.query("LOCK TABLES messages WRITE, events WRITE, inbound_journal WRITE")
      await sleep(ms)
    } finally {
      connection.destroy()
    }
  }

  return {
    name: "MySQL",
    environment: { DATABASE_URL: url.toString() },
    disturb: async (how, ms) => {
      // who holds the tables for long may keep us from locking them too
      if (how === "lock") return lock(ms).catch(() => undefined)
      if (how === "silence") return proxy.silence(ms)
      proxy.cut()
    },
    read: async () => {
      const connection = await connect(name)
      try {
        await connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        const all = async (query: string): Promise<unknown> => (await connection.query<Array<RowDataPacket>>(query))[0]
        const count = async (query: string) => Number((await connection.query<Array<RowDataPacket>>(query))[0][0]?.["n"])
        return {
          messages: await all(queries.messages) as ReadonlyArray<StoredMessage>,
          events: await all(queries.events) as ReadonlyArray<StoredEvent>,
          journalled: await count(queries.journalled),
          unreadable: await count(queries.unreadable)
        }
      } finally {
        await connection.end()
      }
    },
    close: async () => {
      await proxy.close()
      const connection = await connect()
      await connection.query(`DROP DATABASE IF EXISTS ${name}`)
      await connection.end()
    }
  }
}
