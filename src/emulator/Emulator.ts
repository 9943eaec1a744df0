import { Context, Effect, Layer } from "effect"
import type { EmulatorOptions } from "./EmulatorOptions.ts"
import { type EmulatorServer, startEmulator } from "./EmulatorServer.ts"

/** A WhatsApp server with emulated phones, for as long as the scope. */
export class Emulator extends Context.Tag("whatsapp-service/emulator/Emulator")<Emulator, EmulatorServer>() {
  static readonly layer = (options: EmulatorOptions = {}) =>
    Layer.scoped(
      Emulator,
      Effect.acquireRelease(
        Effect.promise(() => startEmulator(options)),
        (server) => Effect.promise(() => server.stop())
      )
    )
}
