import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Cause, ConfigError, Console, Effect, Layer } from "effect"
import { createAdmin } from "./CreateAdmin.ts"
import { demo } from "./Demo.ts"
import { emulator } from "./EmulatorCommand.ts"
import { environment, explainConfigError, loadDotEnv } from "./Environment.ts"
import { UsageError } from "./Arguments.ts"
import { importSessions } from "./ImportSessions.ts"
import { LogLines, Verbosity } from "./Logging.ts"
import { migrate } from "./Migrate.ts"
import { serve } from "./Serve.ts"
import { TurnScheduler } from "./TurnScheduler.ts"

const usage = `Usage: whatsapp-service COMMAND

  serve            run the service (http://localhost:5000 and SQLite under ./data unless configured otherwise)
  demo             run the service against the built-in emulator: pair, send, receive, without a phone
  emulator         run the emulator alone, with a small HTTP API to control its phones
  migrate          bring the database's tables up to date
  create-admin     make an administrator: create-admin --email E [--username U] [--password P]
  import-sessions  take over what Baileys has stored in folders auth_info_baileys_<deviceId>: import-sessions DIR [--owner E]

Everything else is set by environment variables or a .env file; see .env.example.`

type Command = (args: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, NodeContext.NodeContext>

const withoutArguments = (command: ReturnType<Command>): Command => (args) =>
  args.length === 0 ? command : new UsageError({ problem: `'${args[0]}' is not understood: this command takes no arguments` })

const commands: Readonly<Record<"serve" | "demo" | "emulator" | "migrate" | "create-admin" | "import-sessions", Command>> = {
  serve: withoutArguments(serve),
  demo: withoutArguments(demo),
  emulator,
  migrate: withoutArguments(migrate),
  "create-admin": createAdmin,
  "import-sessions": importSessions
}
const isCommand = (name: string | undefined): name is keyof typeof commands => name !== undefined && Object.hasOwn(commands, name)

/** Runs one command until it ends or a signal comes; failures are one line, and the exit code says so. */
export const runCommandLine = (args: ReadonlyArray<string>) => {
  const [name, ...rest] = args
  const asked = name === undefined || name === "help" || args.includes("--help") || args.includes("-h")
  if (asked || !isCommand(name)) {
    return NodeRuntime.runMain(
      (asked ? Console.log(usage) : Console.error(`There is no command '${name}'.\n\n${usage}`)).pipe(
        Effect.zipRight(asked ? Effect.void : Effect.fail("usage"))
      ),
      { disableErrorReporting: true, disablePrettyLogger: true }
    )
  }
  return loadDotEnv.pipe(
    // what `.env` says is known only now
    Effect.zipRight(Effect.suspend(() => {
      const command = Effect.provide(commands[name](rest), Layer.merge(Verbosity, NodeContext.layer))
      return Effect.withConfigProvider(command, environment())
    })),
    Effect.tapErrorCause(report),
    Effect.provide(LogLines),
    Effect.withScheduler(new TurnScheduler()),
    NodeRuntime.runMain({ disableErrorReporting: true, disablePrettyLogger: true })
  )
}

/** What a person can mend is one line; what is a bug comes with its trace. */
const report = (cause: Cause.Cause<unknown>) => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const failure = Cause.failureOption(cause)
  if (failure._tag === "None") return Effect.logFatal("The service failed", cause)
  const error = failure.value
  return Effect.sync(() => process.stderr.write(`${ConfigError.isConfigError(error) ? explainConfigError(error) : describe(error)}\n`))
}

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error))
