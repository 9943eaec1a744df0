// Why Node 24 is needed: Baileys makes an AsyncLocalStorage for each socket and never disables it, and below Node 24 each
// of them makes every promise of the process dearer, for ever.
import { describe, expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

/**
 * CPU time for promises before there was any socket, and after a hundred. So many that a coarse clock shows them; in the
 * first rounds the engine is still warming up.
 */
const script = `
const { addTransactionCapability } = await import("@whiskeysockets/baileys")
const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => logger }
const round = async () => {
  const all = []
  for (let i = 0; i < 5000; i++) all.push(new Promise((resolve) => setImmediate(resolve)))
  await Promise.all(all)
}
const measure = async () => {
  const start = process.cpuUsage()
  for (let i = 0; i < 10; i++) await round()
  const { system, user } = process.cpuUsage(start)
  return system + user
}
await measure()
const before = await measure()
const sockets = []
for (let i = 0; i < 100; i++) {
  const keys = addTransactionCapability({ get: async () => ({}), set: async () => {} }, logger, { maxCommitRetries: 1, delayBetweenTriesMs: 0 })
  await keys.transaction(async () => keys.get("session", ["1"]), "me")
  sockets.push(keys)
}
console.log(JSON.stringify({ before, after: await measure() }))
process.exit(0)
`
const dearer = (node: string) => {
  const { stderr, stdout } = spawnSync(node, ["--input-type=module", "-e", script], { cwd: import.meta.dirname, encoding: "utf8", timeout: 60_000 })
  if (stdout === "") throw new Error(stderr)
  const { after, before } = JSON.parse(stdout)
  return after / before
}

/** A Node below 24 that this machine may have beside ours. */
const old = ["/usr/bin/node", "/usr/local/bin/node"].find((node) =>
  existsSync(node) && Number(spawnSync(node, ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" }).stdout) < 24
)

describe("a hundred sockets", () => {
  it.skipIf(old === undefined)("make promises several times as dear on an old Node", () => {
    expect(dearer(old ?? "")).toBeGreaterThan(10)
  })

  it("and no dearer on this one", () => {
    expect(dearer(process.execPath)).toBeLessThan(10)
  })
})
