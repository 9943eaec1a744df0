import { runMain } from "@effect/platform-node/NodeRuntime"
import { Console, Data, Effect } from "effect"
import { ControlServer } from "./control/ControlServer.ts"
import type { EmulatorOptions } from "./EmulatorOptions.ts"
import { startEmulator } from "./EmulatorServer.ts"

export interface CommandOptions extends EmulatorOptions {
  readonly controlPort?: number
}

/** The port is taken, or not ours to take. */
export class CannotListen extends Data.TaggedError("CannotListen")<{ readonly cause: unknown }> {}

const listening = <A>(start: () => Promise<A>) =>
  Effect.tryPromise({ try: start, catch: (cause) => new CannotListen({ cause }) })

const DEFAULT_PORT = 7780
const DEFAULT_CONTROL_PORT = 7781

/** Runs the emulator and its control API until interrupted. */
export const runEmulator = (options: CommandOptions = {}): Effect.Effect<never, CannotListen> =>
  Effect.gen(function*() {
    const host = options.host ?? "127.0.0.1"
    const server = yield* Effect.acquireRelease(
      listening(() => startEmulator({ ...options, port: options.port ?? DEFAULT_PORT })),
      (server) => Effect.promise(() => server.stop())
    )
    const control = yield* Effect.acquireRelease(
      Effect.sync(() => new ControlServer(server)),
      (control) => Effect.promise(() => control.close())
    )
    const address = yield* listening(() => control.listen(options.controlPort ?? DEFAULT_CONTROL_PORT, host))
    yield* Console.log(`WA_SOCKET_URL=${server.url}\nWA_NOISE_ROOT_KEY=${server.noiseRootKey}`)
    yield* Console.log(`WA_MEDIA_CA=${yield* Effect.promise(() => server.mediaCaFile())}`)
    yield* Console.log(`# phones and faults: ${address}`)
    return yield* Effect.never
  }).pipe(Effect.scoped)

if (import.meta.main) {
  const [port, controlPort] = process.argv.slice(2).map(Number)
  runMain(
    runEmulator({ ...(port === undefined ? {} : { port }), ...(controlPort === undefined ? {} : { controlPort }) })
  )
}
