import { Cache, Clock, Context, Data, Effect, Exit, Layer, Option } from "effect"
import { type TooManyAttempts, Unauthorized } from "../../domain/Access.ts"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { ApiKeys } from "../../sql/accounts/ApiKeys.ts"
import { LoginThrottle } from "../../sql/accounts/LoginThrottle.ts"
import { isSecretOf, readApiKey } from "./ApiKeySecret.ts"

/** Somebody showed a key that is none, or no longer one. */
export class WrongApiKey extends Data.TaggedError("WrongApiKey")<{ readonly prefix: string | undefined }> {}

/** API keys, re-read every few seconds: one that has been revoked on another node ends that soon, on this one at once. */
export class KeyRing extends Context.Tag("whatsapp-service/KeyRing")<KeyRing, {
  readonly verify: (shown: string) => Effect.Effect<ApiKey, WrongApiKey | StorageUnavailable>
  /** The key as it is now, without its secret. */
  readonly current: (prefix: string) => Effect.Effect<ApiKey, Unauthorized | StorageUnavailable>
  /** Answers somebody who showed a wrong key: each further time later. A right key is never held up by it. */
  readonly refuse: (wrong: WrongApiKey, address: string) => Effect.Effect<never, Unauthorized | TooManyAttempts | StorageUnavailable>
  /** Forgets what is known of a key that has just changed. */
  readonly forget: (prefix: string) => Effect.Effect<void>
}>() {
  static readonly layer = Layer.effect(
    KeyRing,
    Effect.gen(function*() {
      const apiKeys = yield* ApiKeys
      const throttle = yield* LoginThrottle
      const known = yield* Cache.makeWith({
        capacity: 10_000,
        timeToLive: Exit.match({ onSuccess: () => "5 seconds" as const, onFailure: () => 0 }),
        lookup: apiKeys.byPrefix
      })
      // a key in use is written down once a minute, not at each request
      const used = yield* Cache.makeWith({
        capacity: 10_000,
        timeToLive: Exit.match({ onSuccess: () => "1 minute" as const, onFailure: () => 0 }),
        lookup: apiKeys.used
      })
      const noteUse = (key: ApiKey) =>
        Effect.catchAll(used.get(key.id), (error) => Effect.logWarning("The use of an API key was not written down", error))

      const find = Effect.fnUntraced(function*(prefix: string) {
        const now = yield* Clock.currentTimeMillis
        return Option.filter(yield* known.get(prefix), ({ key }) => key.isGoodAt(now))
      })

      return KeyRing.of({
        verify: Effect.fn("KeyRing.verify")(function*(shown: string) {
          const read = readApiKey(shown)
          if (read === undefined) return yield* new WrongApiKey({ prefix: undefined })
          const found = yield* find(read.prefix)
          if (Option.isNone(found) || !isSecretOf(found.value.secretHash, read.secret)) {
            return yield* new WrongApiKey({ prefix: read.prefix })
          }
          yield* noteUse(found.value.key)
          return found.value.key
        }),
        current: (prefix) =>
          Effect.flatMap(find(prefix), Option.match({
            onNone: () => new Unauthorized({ reason: "api_key" }),
            onSome: ({ key }) => Effect.succeed(key)
          })),
        refuse: ({ prefix }, address) =>
          throttle.attempt([
            // apart from logins: a machine with an old key keeps nobody at its address from logging in
            { key: `api-key-address:${address}`, free: 20, cap: 900 },
            ...(prefix === undefined ? [] : [{ key: `api-key:${prefix}`, free: 5, cap: 300 }])
          ]).pipe(Effect.zipRight(new Unauthorized({ reason: "api_key" }))),
        forget: (prefix) => known.invalidate(prefix)
      })
    })
  )
}
