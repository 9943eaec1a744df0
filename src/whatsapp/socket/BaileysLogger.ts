import { Effect, Runtime } from "effect"
import type { SocketConfig } from "@whiskeysockets/baileys"

type Logger = SocketConfig["logger"]

/**
 * Baileys' own words, at debug. Only the sentence and the text of an error pass: the objects it logs beside them hold
 * stanzas, contents and keys.
 */
export const baileysLogger = (runtime: Runtime.Runtime<never>, deviceId: string): Logger => {
  const run = Runtime.runFork(runtime)
  const say = (level: string) => (details: unknown, sentence?: string) => {
    const text = typeof details === "string" ? details : sentence
    if (text === undefined) return
    run(Effect.logDebug(`Baileys: ${text}`).pipe(Effect.annotateLogs({ deviceId, level, ...errorText(details) })))
  }
  const logger: Logger = {
    level: "info",
    child: () => logger,
    trace: () => {},
    debug: () => {},
    info: say("info"),
    warn: say("warn"),
    error: say("error")
  }
  return logger
}

const errorText = (details: unknown): Record<string, string> => {
  if (typeof details !== "object" || details === null) return {}
  for (const key of ["err", "error", "e"]) {
    const error: unknown = Reflect.get(details, key)
    if (error instanceof Error) return { error: `${error.name}: ${error.message}` }
  }
  return {}
}
