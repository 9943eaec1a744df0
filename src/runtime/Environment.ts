import { Cause, Config, ConfigError, ConfigProvider, Effect } from "effect"
import { existsSync } from "node:fs"
import { loadEnvFile } from "node:process"

/** Reads `.env` of the working folder into the environment, if there is one; what is set already wins. */
export const loadDotEnv = Effect.try({
  try: () => {
    if (existsSync(".env")) loadEnvFile(".env")
  },
  catch: (error) => ConfigError.SourceUnavailable([".env"], `cannot be read: ${String(error)}`, Cause.empty)
})

export const dataDir = Config.nonEmptyString("DATA_DIR").pipe(Config.withDefault("./data"))
export const isProduction = Config.literal("production", "development", "test")("NODE_ENV").pipe(
  Config.withDefault("development"),
  Config.map((environment) => environment === "production")
)

/** An empty variable (`DB_HOST=`, as compose files pass them on) counts as not set. */
export const environment = (overrides: Readonly<Record<string, string>> = {}): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(
    new Map(
      Object.entries({ ...process.env, ...overrides }).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "")
    )
  )

/** One line that names the variable, without its value. */
export const explainConfigError = (error: ConfigError.ConfigError): string =>
  ConfigError.reduceWithContext(error, undefined, {
    andCase: (_, left, right) => `${left}; ${right}`,
    orCase: (_, left, right) => (left === right ? left : `${left}, or ${right}`),
    invalidDataCase: (_, path, message) => about(path, message),
    missingDataCase: (_, path, message) =>
      message.startsWith("Expected") ? `${nameOf(path)} is missing` : `${nameOf(path)} is missing: ${message}`,
    sourceUnavailableCase: (_, path, message) => about(path, message),
    unsupportedCase: (_, path, message) => about(path, message)
  })

// a check that names its variable itself has it once more in front
const nameOf = (path: ReadonlyArray<string>) => [...new Set(path)].join(".")
const about = (path: ReadonlyArray<string>, message: string) =>
  message.startsWith(nameOf(path)) ? message : `${nameOf(path)}: ${message}`
