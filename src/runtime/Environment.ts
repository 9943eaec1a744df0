import { Config, ConfigError, ConfigProvider, Effect, Either } from "effect"
import { existsSync } from "node:fs"
import { loadEnvFile } from "node:process"

/** Reads `.env` of the working folder into the environment, if there is one; what is set already wins. */
export const loadDotEnv = Effect.sync(() => {
  if (existsSync(".env")) loadEnvFile(".env")
})

export const dataDir = Config.nonEmptyString("DATA_DIR").pipe(Config.withDefault("./data"))
export const isProduction = Config.string("NODE_ENV").pipe(
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
    invalidDataCase: (_, path, message) => `${path.join(".")}: ${message}`,
    missingDataCase: (_, path, message) => `${path.join(".")} is missing${message.includes("Expected") ? "" : ` (${message})`}`,
    sourceUnavailableCase: (_, path, message) => `${path.join(".")}: ${message}`,
    unsupportedCase: (_, path, message) => `${path.join(".")}: ${message}`
  })

/** An address as an operator writes it, checked when the configuration is read. */
export const urlConfig = (name: string, protocols: ReadonlyArray<string>) =>
  Config.nonEmptyString(name).pipe(
    Config.mapOrFail((text) =>
      URL.canParse(text) && protocols.includes(new URL(text).protocol)
        ? Either.right(new URL(text))
        : Either.left(ConfigError.InvalidData([name], `expected a URL that begins with ${protocols.join(" or ")}//`))
    )
  )

export const port = Config.integer("PORT").pipe(
  Config.withDefault(5000),
  Config.validate({ message: "expected a port from 0 to 65535", validation: (n) => n >= 0 && n <= 65_535 })
)
