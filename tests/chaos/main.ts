import fc from "fast-check"
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { type Plan, planOf } from "./Action.ts"
import { type DatabaseName, run } from "./run.ts"

const usage = `Usage: npm run test:chaos -- [options]

  --minutes N         how long to walk (10)
  --database NAME     sqlite or mysql; both in turns without it
  --length N          the most actions of a walk (60)
  --seed S            the first walk's seed; with --path one walk alone, as a failure printed it
  --path P            which of its smaller versions
  --shrink N          the most minutes to look for a smaller version of a walk that failed (5)
  --plan JSON         the actions themselves, as a failure printed them
  --times N           how often to repeat what --path or --plan names (1)
  --keep-going        goes on after a failure`

const { values } = (() => {
  try {
    return parseArgs({
      options: {
        minutes: { type: "string", default: "10" },
        database: { type: "string" },
        length: { type: "string", default: "60" },
        seed: { type: "string" },
        path: { type: "string" },
        shrink: { type: "string", default: "5" },
        plan: { type: "string" },
        times: { type: "string", default: "1" },
        "keep-going": { type: "boolean", default: false }
      }
    })
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`)
    process.exit(2)
  }
})()
if (values.database !== undefined && values.database !== "sqlite" && values.database !== "mysql") {
  process.stderr.write(`${usage}\n`)
  process.exit(2)
}

const say = (text: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
const length = Number(values.length)
const first = values.seed === undefined ? randomInt(1, 2 ** 30) : Number(values.seed)
const end = performance.now() + Number(values.minutes) * 60_000
const databaseOf = (walk: number): DatabaseName =>
  values.database === "sqlite" || values.database === "mysql" ? values.database : walk % 2 === 0 ? "sqlite" : "mysql"

/** Says how it went; fails with what was found. */
const walkOnce = async (plan: Plan, database: DatabaseName, name: string): Promise<void> => {
  const begun = performance.now()
  const { sends, stops, written } = await run(plan, { database, hurried: false })
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  say(`${name}: ${plan.actions.length} actions, ${sends} sent, ${written} received, ${stops} stops, ${seconds} s`)
}

/** One seed's walk; when it fails, smaller ones for a while. */
const seeded = async (seed: number, database: DatabaseName): Promise<boolean> => {
  const name = `${database} --seed ${seed}`
  let deadline = Infinity
  const property = fc.asyncProperty(planOf(length), async (plan) => {
    if (performance.now() > deadline) return
    try {
      await walkOnce(plan, database, name)
    } catch (error) {
      if (deadline === Infinity) deadline = performance.now() + Number(values.shrink) * 60_000
      say(`${name}: ${plan.actions.length} actions FAILED\n${error instanceof Error ? error.message : error}`)
      throw error
    }
  })
  const result = await fc.check(property, { seed, numRuns: 1, ...(values.path === undefined ? {} : { path: values.path }) })
  if (!result.failed) return true
  say(`FAILED: npm run test:chaos -- --database ${database} --length ${length} --seed ${seed} --path ${result.counterexamplePath}
or: npm run test:chaos -- --database ${database} --plan '${JSON.stringify(result.counterexample?.[0])}'`)
  return false
}

let failures = 0
if (values.plan !== undefined) {
  const plan = JSON.parse(values.plan) as Plan
  for (let time = 1; time <= Number(values.times); time++) {
    await walkOnce(plan, databaseOf(0), `plan, ${time}`).catch((error: unknown) => {
      failures++
      say(`plan, ${time}: FAILED\n${error instanceof Error ? error.message : error}`)
    })
  }
} else if (values.path !== undefined) {
  for (let time = 1; time <= Number(values.times); time++) if (!await seeded(first, databaseOf(0))) failures++
} else {
  say(`walks of up to ${length} actions from --seed ${first} on, for ${values.minutes} minutes`)
  for (let walk = 0; performance.now() < end && (failures === 0 || values["keep-going"]); walk++) {
    if (!await seeded(first + walk, databaseOf(walk))) failures++
  }
}
process.exitCode = failures === 0 ? 0 : 1
