import { hash, parseOptions, verify } from "@node-rs/argon2"
import { Context, Effect, Layer, Redacted } from "effect"
import { randomBytes } from "node:crypto"

/** Argon2id as OWASP asks for it: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Each hash holds 19 MiB and a core; more at once would only slow each other down. */
const atOnce = 2

export interface PasswordCheck {
  readonly matches: boolean
  /** true when the hash was made with other parameters than today's */
  readonly outdated: boolean
}

/** Hashes passwords, off the event loop. */
export class Passwords extends Context.Tag("whatsapp-service/Passwords")<Passwords, {
  readonly hash: (password: Redacted.Redacted) => Effect.Effect<string>
  /** Without a hash (there is no such user) it takes as long and does not match. */
  readonly check: (password: Redacted.Redacted, passwordHash: string | undefined) => Effect.Effect<PasswordCheck>
}>() {
  static readonly layer = Layer.effect(
    Passwords,
    Effect.gen(function*() {
      const semaphore = yield* Effect.makeSemaphore(atOnce)
      const nobody = yield* Effect.promise(() => hash(randomBytes(32), parameters))

      return Passwords.of({
        hash: (password) => semaphore.withPermits(1)(Effect.promise(() => hash(Redacted.value(password), parameters))),
        check: (password, passwordHash) =>
          Effect.promise(() => verify(passwordHash ?? nobody, Redacted.value(password))).pipe(
            semaphore.withPermits(1),
            Effect.map((matches) => ({
              matches: matches && passwordHash !== undefined,
              outdated: isOutdated(passwordHash ?? nobody)
            }))
          )
      })
    })
  )
}

const isOutdated = (passwordHash: string): boolean => {
  const made = parseOptions(passwordHash)
  return !passwordHash.startsWith("$argon2id$") || made.memoryCost !== parameters.memoryCost ||
    made.timeCost !== parameters.timeCost || made.parallelism !== parameters.parallelism
}
