import { randomBytes } from "node:crypto"
import { createConnection } from "mysql2/promise"

const server = process.env["TEST_MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/"

const mysqlAnswers = await createConnection({ uri: server, connectTimeout: 2000 }).then(
  (connection) => connection.end().then(() => true),
  () => false
)
if (!mysqlAnswers && process.env["CI"] === "true") throw new Error(`no MySQL answers at ${server}, and in CI it must`)

const run = async (statement: string) => {
  const connection = await createConnection({ uri: server })
  await connection.query(statement)
  await connection.end()
}

/** The databases to run the built service on: SQLite always, MySQL where it answers. */
export const e2eDatabases = [
  { name: "SQLite", create: async (): Promise<Record<string, string>> => ({}), drop: async () => undefined },
  ...(mysqlAnswers
    ? (() => {
      const name = `wa_e2e_${randomBytes(5).toString("hex")}`
      return [{
        name: "MySQL",
        create: async (): Promise<Record<string, string>> => {
          await run(`CREATE DATABASE ${name}`)
          const url = new URL(server)
          url.pathname = `/${name}`
          return { DATABASE_URL: url.toString() }
        },
        drop: () => run(`DROP DATABASE IF EXISTS ${name}`)
      }]
    })()
    : [])
]
