import { availableParallelism, cpus, loadavg } from "node:os"
import { conversing } from "./conversing.ts"
import { Emulator } from "./Emulator.ts"
import { jobs } from "./jobs.ts"
import { withDatabase } from "./mysql.ts"
import { readOptions, usage } from "./options.ts"
import { residing } from "./residing.ts"
import { holds, type Row, table } from "./Row.ts"

const say = (text: string) => process.stdout.write(`${text}\n`)
const started = performance.now()
const tell = (line: string) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)

const options = (() => {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`)
    process.exit(2)
  }
})()

// what is left behind goes with the process: children and folders hear its end
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.listenerCount(signal) === 1 && process.exit(130))
}

const emulator = await Emulator.start()
const rows: Array<Row> = []
const talks = options.only.has("send") || options.only.has("receive")
if (talks) rows.push(...await conversing(options, emulator, { name: "SQLite", numbers: "1110", environment: {} }, tell))
if (talks && options.mysql) {
  rows.push(
    ...await withDatabase((url) =>
      conversing(options, emulator, { name: "MySQL", numbers: "2220", environment: { DATABASE_URL: url } }, tell))
  )
}
if (options.only.has("jobs")) {
  rows.push(...await jobs(options, emulator, { name: "SQLite", numbers: "111", environment: {} }, tell))
  if (options.mysql) {
    rows.push(...await withDatabase((url) => jobs(options, emulator, { name: "MySQL", numbers: "222", environment: { DATABASE_URL: url } }, tell)))
  }
}
if (options.only.has("memory") || options.only.has("restart")) rows.push(...await residing(options, emulator, tell))
await emulator.stop()

say(`\nNode ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}, load ${loadavg()[0]?.toFixed(1)}`)
say("medians; 'bare' is Baileys with its keys in memory, without a database\n")
say(table(rows))
const missed = rows.filter((row) => holds(row) === false)
say(missed.length === 0 ? "\nAll bounds hold." : `\n${missed.length} of ${rows.filter(({ bound }) => bound).length} bounds are missed.`)
// small counts say nothing about bounds
process.exitCode = missed.length === 0 || options.quick ? 0 : 1
