import fc from "fast-check"
import { randomInt } from "node:crypto"
import { expect, it } from "vitest"
import { planOf } from "./Action.ts"
import { run } from "./run.ts"

const budget = 20_000
const length = 25

it("a random walk loses, doubles and mixes up nothing", async () => {
  const first = randomInt(1, 2 ** 30)
  const end = performance.now() + budget
  // a walk takes five to ten seconds: none begins that could not end in time
  for (let seed = first; seed === first || performance.now() < end - 10_000; seed++) {
    process.stdout.write(`a walk: npm run test:chaos -- --database sqlite --length ${length} --path 0 --seed ${seed}\n`)
    const result = await fc.check(
      fc.asyncProperty(planOf(length), async (plan) => {
        await run(plan, { database: "sqlite", hurried: true })
      }),
      { seed, numRuns: 1, endOnFailure: true }
    )
    expect(result.errorInstance, JSON.stringify(result.counterexample)).toBeNull()
  }
}, 600_000)
