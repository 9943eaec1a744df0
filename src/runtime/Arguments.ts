import { Effect, Schema } from "effect"
import { parseArgs } from "node:util"

/** The command was called wrongly; the message says how. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { problem: Schema.String }) {
  override get message() {
    return this.problem
  }
}

/** Reads `--name value` options; anything else on the line is a {@link UsageError}. */
export const readOptions = <Name extends string>(args: ReadonlyArray<string>, names: ReadonlyArray<Name>) =>
  Effect.try({
    try: () => {
      const options = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const))
      return parseArgs({ args: [...args], options, allowPositionals: false }).values as Partial<Record<Name, string>>
    },
    catch: (error) => new UsageError({ problem: error instanceof Error ? error.message : String(error) })
  })

export const portOption = (name: string, value: string | undefined) =>
  value === undefined || /^\d{1,5}$/.test(value) && Number(value) <= 65_535
    ? Effect.succeed(value === undefined ? undefined : Number(value))
    : Effect.fail(new UsageError({ problem: `--${name}: expected a port from 0 to 65535` }))
