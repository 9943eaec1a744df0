import { randomBytes } from "node:crypto"
import { createConnection } from "mysql2/promise"

const server = process.env["TEST_MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306/"

const run = async (statement: string) => {
  const connection = await createConnection({ uri: server, connectTimeout: 2000 })
  await connection.query(statement).finally(() => connection.end())
}

/** A database of our own, gone again after `use`. */
export const withDatabase = async <A>(use: (url: string) => Promise<A>): Promise<A> => {
  const name = `wa_bench_${randomBytes(5).toString("hex")}`
  const url = new URL(server)
  url.pathname = `/${name}`
  await run(`CREATE DATABASE ${name}`)
  const drop = () => run(`DROP DATABASE IF EXISTS ${name}`)
  const dropAndEnd = () => void drop().finally(() => process.exit(130))
  process.once("SIGINT", dropAndEnd).once("SIGTERM", dropAndEnd)
  try {
    return await use(url.toString())
  } finally {
    process.removeListener("SIGINT", dropAndEnd).removeListener("SIGTERM", dropAndEnd)
    await drop()
  }
}
