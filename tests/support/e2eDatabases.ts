import { Effect, ManagedRuntime } from "effect"
import { databases, mysqlAnswers, SharedDatabase } from "./databases.ts"

if (!mysqlAnswers && process.env["CI"] === "true") throw new Error("no MySQL answers, and in CI it must")

/** The databases to run the built service on, each named to it by its environment; others with every call. */
export const makeE2eDatabases = () => databases.map(({ name, shared }) => {
  const runtime = ManagedRuntime.make(shared)
  return {
    name,
    create: (): Promise<Readonly<Record<string, string>>> =>
      runtime.runPromise(Effect.map(SharedDatabase, ({ environment }) => environment)),
    drop: () => runtime.dispose()
  }
})

export const e2eDatabases = makeE2eDatabases()
