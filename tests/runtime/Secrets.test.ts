import { NodeContext } from "@effect/platform-node"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { explainConfigError } from "../../src/runtime/Environment.ts"
import { loadSecrets } from "../../src/runtime/Secrets.ts"

const withEnvironment = (variables: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const long = (name: string) => name.padEnd(32, "x")

describe("Secrets", () => {
  it.scoped("are made once, differ, and are for their owner's eyes only", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      const load = loadSecrets.pipe(withEnvironment({ DATA_DIR: `${folder}/data` }))
      const first = yield* load
      const again = yield* load
      expect(Redacted.value(again.ENCRYPTION_KEY)).toBe(Redacted.value(first.ENCRYPTION_KEY))
      expect(Redacted.value(first.JWT_SECRET)).not.toBe(Redacted.value(first.JWT_REFRESH_SECRET))
      expect(Number((yield* files.stat(`${folder}/data/secrets.json`)).mode & 0o777)).toBe(0o600)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("are taken from the environment before the file", () =>
    Effect.gen(function*() {
      const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
      const secrets = yield* loadSecrets.pipe(
        withEnvironment({ DATA_DIR: folder, JWT_SECRET: long("a"), ENCRYPTION_KEY_PREVIOUS: `${long("one")}, ${long("two")}` })
      )
      expect(Redacted.value(secrets.JWT_SECRET)).toBe(long("a"))
      expect(secrets.previousEncryptionKeys.map(Redacted.value)).toEqual([long("one"), long("two")])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("are not replaced when their file is damaged", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      yield* files.writeFileString(`${folder}/secrets.json`, "{\"JWT_SECRET\":")
      const error = yield* loadSecrets.pipe(withEnvironment({ DATA_DIR: folder }), Effect.flip)
      expect(explainConfigError(error)).toMatch(/^DATA_DIR: .*secrets\.json is damaged[^\n]*$/)
      expect(yield* files.readFileString(`${folder}/secrets.json`)).toBe("{\"JWT_SECRET\":")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect.each([
    [{ NODE_ENV: "production" }, "JWT_SECRET, JWT_REFRESH_SECRET, ENCRYPTION_KEY is missing: in production secrets are not made by themselves"],
    [{ JWT_SECRET: "short" }, "JWT_SECRET: must have at least 32 characters"],
    [{ ENCRYPTION_KEY_PREVIOUS: "short" }, "ENCRYPTION_KEY_PREVIOUS: must have at least 32 characters"],
    [{ NODE_ENV: "prod" }, "NODE_ENV: Expected one of (production, development, test) but received \"prod\""],
    [
      { JWT_SECRET: long("a"), JWT_REFRESH_SECRET: long("a"), ENCRYPTION_KEY: long("b") },
      "JWT_REFRESH_SECRET: must differ from JWT_SECRET"
    ]
  ] as const)("are refused when they are bad: %j", ([variables, line]) =>
    Effect.gen(function*() {
      const error = yield* loadSecrets.pipe(withEnvironment(variables), Effect.flip)
      expect(explainConfigError(error)).toContain(line)
      expect(explainConfigError(error)).not.toContain("\n")
    }).pipe(Effect.provide(NodeContext.layer)))
})
