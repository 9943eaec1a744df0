import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { mysql } from "../../src/sql/database/Database.ts"
import { mysqlAnswers, mysqlOptions } from "../support/databases.ts"
import { makeE2eDatabases } from "../support/e2eDatabases.ts"
import { makeService, type Service } from "../support/service.ts"

const main = join(import.meta.dirname, "../../dist/main.js")
const onServer = (...statements: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.forEach(statements, (statement) => sql.unsafe(statement))).pipe(
      Effect.provide(mysql(mysqlOptions(undefined)))
    )
  )

const run = (command: string, env: Readonly<Record<string, string>>) =>
  spawnSync(process.execPath, [main, command], {
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", ...env },
    encoding: "utf8",
    timeout: 60_000
  })

describe.skipIf(!mysqlAnswers)("a MySQL user that may not make tables", () => {
  const database = makeE2eDatabases().find(({ name }) => name === "MySQL")
  let service: Service
  let url: URL
  let administrator: string
  const user = `wa_dml_${process.pid}`

  beforeAll(async () => {
    const { DATABASE_URL } = await database!.create()
    administrator = DATABASE_URL!
    url = new URL(administrator)
    await onServer(
      `CREATE USER '${user}'@'%' IDENTIFIED BY 'secret'`,
      `CREATE USER '${user}'@'localhost' IDENTIFIED BY 'secret'`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON \`${url.pathname.slice(1)}\`.* TO '${user}'@'%', '${user}'@'localhost'`
    )
    url.username = user
    url.password = "secret"
    service = await makeService({ DATABASE_URL: url.toString(), AUTO_CREATE_TABLES: "false" })
  }, 30_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    service?.remove()
    await onServer(`DROP USER '${user}'@'%', '${user}'@'localhost'`)
    await database?.drop()
  }, 30_000)

  it("runs the service on tables that somebody else has made", async () => {
    const refused = run("serve", { DATABASE_URL: url.toString(), AUTO_CREATE_TABLES: "false" })
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("npm run migrate") })
    expect(run("migrate", { DATABASE_URL: administrator })).toMatchObject({ status: 0 })

    await service.start()
    const device = await service.ask("POST", "/api/whatsapp-multi-device/devices", { deviceName: "Toko" })
    // its actor answers: the process has its leases
    expect((await service.ask("DELETE", `/api/whatsapp-multi-device/devices/${device.deviceId}/disconnect`)).status).toBe("disconnected")
    expect(await service.end("SIGTERM")).toBe(0)
    expect(service.output()).not.toMatch(/denied|"level":"(WARN|ERROR)"/)
  }, 60_000)
})
