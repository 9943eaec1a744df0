import { FileSystem, Path } from "@effect/platform"
import { Cause, Config, ConfigError, Effect, Option, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { dataDir, isProduction } from "./Environment.ts"

const names = ["JWT_SECRET", "JWT_REFRESH_SECRET", "ENCRYPTION_KEY"] as const
type SecretName = (typeof names)[number]
export type Secrets = Readonly<Record<SecretName, Redacted.Redacted>> & {
  /** earlier values of ENCRYPTION_KEY, newest first: still decrypt, never encrypt */
  readonly previousEncryptionKeys: ReadonlyArray<Redacted.Redacted>
}

const SecretFile = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.String }))
const shortest = 32

const longEnough = (name: string, secret: Redacted.Redacted) =>
  Redacted.value(secret).length >= shortest
    ? Effect.succeed(secret)
    : Effect.fail(ConfigError.InvalidData([name], `must have at least ${shortest} characters`))

/**
 * The three secrets from the environment; outside production those that are not set are made once and kept in
 * `DATA_DIR/secrets.json`, readable by its owner alone.
 */
export const loadSecrets: Effect.Effect<Secrets, ConfigError.ConfigError, FileSystem.FileSystem | Path.Path> = Effect.gen(
  function*() {
    const given = yield* Effect.forEach(names, (name) =>
      Config.option(Config.redacted(name)).pipe(
        Effect.flatMap(Effect.transposeMapOption((secret) => longEnough(name, secret))),
        Effect.map((secret) => [name, secret] as const)
      ))
    const previous = yield* Config.redacted("ENCRYPTION_KEY_PREVIOUS").pipe(
      Config.map((list) => Redacted.value(list).split(",").map((key) => Redacted.make(key.trim()))),
      Config.withDefault([] as ReadonlyArray<Redacted.Redacted>),
      Effect.flatMap(Effect.forEach((key) => longEnough("ENCRYPTION_KEY_PREVIOUS", key)))
    )
    const missing = given.filter(([, secret]) => Option.isNone(secret)).map(([name]) => name)
    if (missing.length > 0 && (yield* isProduction)) {
      return yield* Effect.fail(
        ConfigError.MissingData([missing.join(", ")], "in production secrets are not made by themselves")
      )
    }
    const made = missing.length > 0 ? yield* keptSecrets(missing) : {}
    const secrets = Object.fromEntries(
      given.map(([name, secret]) => [name, Option.getOrElse(secret, () => Redacted.make(made[name]!))])
    ) as Record<SecretName, Redacted.Redacted>
    if (Redacted.value(secrets.JWT_SECRET) === Redacted.value(secrets.JWT_REFRESH_SECRET)) {
      return yield* Effect.fail(ConfigError.InvalidData(["JWT_REFRESH_SECRET"], "must differ from JWT_SECRET"))
    }
    return { ...secrets, previousEncryptionKeys: previous }
  }
)

/** What `secrets.json` holds, with what is missing added. The file is replaced in one step, never half written. */
const keptSecrets = Effect.fnUntraced(function*(wanted: ReadonlyArray<SecretName>) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* dataDir
  const file = path.join(folder, "secrets.json")
  const unreadable = (cause: unknown) =>
    ConfigError.SourceUnavailable(["DATA_DIR"], `${file} cannot be read or written: ${String(cause)}`, Cause.empty)
  // what the decoder says of it shows what is in it
  const damaged = ConfigError.SourceUnavailable(["DATA_DIR"], `${file} is damaged: a JSON object of texts is expected`, Cause.empty)

  yield* Effect.mapError(files.makeDirectory(folder, { recursive: true, mode: 0o700 }), unreadable)
  const kept = (yield* Effect.mapError(files.exists(file), unreadable))
    ? yield* files.readFileString(file).pipe(
      Effect.mapError(unreadable),
      Effect.flatMap((text) => Effect.mapError(Schema.decode(SecretFile)(text), () => damaged))
    )
    : {}
  const missing = wanted.filter((name) => kept[name] === undefined)
  if (missing.length === 0) return kept
  const all = { ...kept, ...Object.fromEntries(missing.map((name) => [name, randomBytes(32).toString("base64url")])) }
  const temporary = `${file}.${process.pid}`
  yield* files.writeFileString(temporary, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 }).pipe(
    Effect.zipRight(files.rename(temporary, file)),
    Effect.mapError(unreadable)
  )
  return all
})
