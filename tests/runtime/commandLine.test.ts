import { execFile } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterAll, describe, expect, it } from "vitest"
import { bareEnvironment, freePort, startBuilt, until } from "../support/process.ts"

const main = join(import.meta.dirname, "../../dist/main.js")
const folder = mkdtempSync(join(tmpdir(), "wa-cli-"))
afterAll(() => rmSync(folder, { recursive: true }))

// not spawnSync: the test runner's own messages must not wait
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}, node: ReadonlyArray<string> = []) =>
  new Promise<{ readonly status: number | null; readonly stderr: string; readonly stdout: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [...node, main, ...args],
      { cwd: folder, env: { ...bareEnvironment, ...env }, timeout: 60_000 },
      (_, stdout, stderr) => resolve({ status: child.exitCode, stderr: stderr.trimEnd(), stdout })
    )
  })

describe("the command line", () => {
  it("refuses an old Node with one line", async () => {
    const old = join(folder, "old.cjs")
    writeFileSync(old, "Object.defineProperty(process.versions, 'node', { value: '22.11.0' })")
    const { status, stderr } = await run(["serve"], {}, ["--require", old])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^WhatsApp Service needs Node 24 or later[^\n]*$/)
  })

  it("says what there is", async () => {
    expect(await run(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: whatsapp-service COMMAND") })
    const wrong = await run(["sevre"])
    expect(wrong.status).toBe(1)
    expect(wrong.stderr).toContain("There is no command 'sevre'.")
    expect(await run(["create-admin", "--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage:") })
    expect(await run(["import-sessions"])).toMatchObject({ status: 1, stderr: expect.stringContaining("import-sessions DIR") })
    expect(await run(["migrate", "now"])).toMatchObject({ status: 1, stderr: expect.stringContaining("'now'") })
  })

  it("reads .env, over which the environment has the last word", async () => {
    writeFileSync(join(folder, ".env"), `DATA_DIR=${join(folder, "from-file")}\nLOG_LEVEL=loud\n`)
    expect((await run(["migrate"])).stderr).toContain("LOG_LEVEL")
    expect(await run(["migrate"], { LOG_LEVEL: "warning" })).toMatchObject({ status: 0, stdout: expect.stringContaining("Done") })
    expect(existsSync(join(folder, "from-file", "whatsapp.db"))).toBe(true)
    rmSync(join(folder, ".env"))
  })

  it("a first start that fails has shown the password that it made", async () => {
    const failed = await run(["serve"], { DATA_DIR: join(folder, "failed"), PORT: "0", DEFAULT_COUNTRY: "XX" })
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining("DEFAULT_COUNTRY") })
    expect(failed.stdout).toContain("Password (shown only now): ")
  })

  it("waits for a database with which somebody else is busy", async () => {
    const settings = { DATA_DIR: join(folder, "busy"), PORT: String(await freePort()), ADMIN_PASSWORD: "a long enough password" }
    expect(await run(["migrate"], settings)).toMatchObject({ status: 0 })
    const other = new DatabaseSync(join(folder, "busy", "whatsapp.db"))
    other.exec("BEGIN IMMEDIATE")
    const service = startBuilt(["serve"], { ...settings, NODE_ENV: "test" }, folder)
    await until("it to say that it waits", () => service.output().includes("The start waits for the database") || undefined, 60_000)
    other.exec("ROLLBACK")
    other.close()
    await until("it to be ready", async () => (await fetch(`http://127.0.0.1:${settings.PORT}/health/ready`)).ok || undefined, 60_000)
    expect(await service.end("SIGTERM")).toBe(0)
  }, 150_000)

  it("a port that is taken stops the start before it touches anything", async () => {
    const taken = createServer().listen(0, "0.0.0.0")
    await once(taken, "listening")
    const address = taken.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const failed = await run(["serve"], { DATA_DIR: join(folder, "taken"), PORT: String(port) })
    expect(failed).toMatchObject({ status: 1, stderr: `PORT: ${port} is taken by another program` })
    expect(existsSync(join(folder, "taken"))).toBe(false)
    taken.close()
  })

  it.each([
    [{ PORT: "70000" }, "PORT"],
    [{ DATABASE_URL: "postgres://x/y" }, "DATABASE_URL"],
    [{ DB_HOST: "localhost" }, "DB_NAME"],
    [{ DATABASE_URL: "mysql://root@127.0.0.1:9/wa" }, "DATABASE_URL"],
    [{ JWT_SECRET: "short" }, "JWT_SECRET"],
    [{ WA_SOCKET_URL: "http://x" }, "WA_SOCKET_URL"],
    [{ WA_NOISE_ROOT_KEY: "abc" }, "WA_NOISE_ROOT_KEY"],
    [{ WA_NOISE_ROOT_KEY: "any" }, "WA_NOISE_ROOT_KEY"],
    [{ LOG_LEVEL: "loud" }, "LOG_LEVEL"],
    [{ AUDIT_RETENTION_DAYS: "0" }, "AUDIT_RETENTION_DAYS"],
    [{ HOST: "300.1.1.1" }, "HOST"],
    [{ ADMIN_PASSWORD: "short" }, "ADMIN_PASSWORD"],
    [{ CLUSTER_HOST: "127.0.0.1" }, "CLUSTER_HOST"],
    [{ NODE_ENV: "production" }, "JWT_SECRET"]
  ])("a wrong value stops the start with one line that names it: %j", async (env, name) => {
    const { status, stderr, stdout } = await run(["serve"], env)
    expect(status).toBe(1)
    expect(stderr.split("\n").length, stderr).toBe(1)
    expect(stderr).toContain(name)
    expect(stdout + stderr).not.toContain("    at ")
  })
})
