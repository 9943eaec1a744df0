import type { HttpServerRequest } from "@effect/platform"
import { Cache, Clock, Config, Context, Duration, Effect, Either, Layer } from "effect"
import type { Claims } from "../auth/Tokens.ts"
import { lifetime } from "../Lifetime.ts"
import { ClientAddress } from "./ClientAddress.ts"

export interface Allowance {
  readonly limit: number
  readonly remaining: number
  /** until the window ends */
  readonly resetSeconds: number
  readonly exceeded: boolean
}

/**
 * Counts requests in fixed windows: by token for those who have a valid one, by address for all others. Each process counts
 * for itself. At most 20,000 counters are kept; the least used is forgotten first.
 */
export class RateLimit extends Context.Tag("whatsapp-service/RateLimit")<RateLimit, {
  /** Counts the request; undefined when it is not limited. */
  readonly take: (
    request: HttpServerRequest.HttpServerRequest,
    authentication: Either.Either<Claims, unknown>
  ) => Effect.Effect<Allowance | undefined>
}>() {
  static readonly layer = Layer.effect(
    RateLimit,
    Effect.gen(function*() {
      const clients = yield* ClientAddress
      const on = yield* Config.literal("on", "off")("RATE_LIMIT").pipe(Config.withDefault("on" as const))
      const max = yield* Config.integer("RATE_LIMIT_MAX").pipe(Config.withDefault(100))
      const tokenMax = yield* Config.integer("RATE_LIMIT_TOKEN_MAX").pipe(Config.withDefault(1000))
      const byAddress = yield* counters(max, yield* lifetime("RATE_LIMIT_WINDOW", "15 minutes"))
      const byToken = yield* counters(tokenMax, Duration.minutes(1))

      return RateLimit.of({
        take: (request, authentication) =>
          on === "off" || isExempt(request)
            ? Effect.succeed(undefined)
            : Either.match(authentication, {
              onLeft: () => byAddress(clients.of(request)),
              onRight: (claims) => byToken(claims.tokenId)
            })
      })
    })
  )
}

/** Probes, scrapers and the documentation, and the browser's own question whether it may ask. */
const isExempt = ({ method, url }: HttpServerRequest.HttpServerRequest): boolean =>
  method === "OPTIONS" || /^\/(api\/health|health\/live|health\/ready|metrics|docs|openapi\.json)(\?|$)/.test(url)

const counters = (limit: number, window: Duration.Duration) =>
  Effect.gen(function*() {
    const cache = yield* Cache.make({
      capacity: 20_000,
      timeToLive: window,
      lookup: (_key: string) =>
        Effect.map(Clock.currentTimeMillis, (now) => ({ used: 0, endsAt: now + Duration.toMillis(window) }))
    })
    return (key: string): Effect.Effect<Allowance> =>
      Effect.gen(function*() {
        const counter = yield* cache.get(key)
        const now = yield* Clock.currentTimeMillis
        if (now >= counter.endsAt) Object.assign(counter, { used: 0, endsAt: now + Duration.toMillis(window) })
        counter.used += 1
        return {
          limit,
          remaining: Math.max(0, limit - counter.used),
          resetSeconds: Math.max(1, Math.ceil((counter.endsAt - now) / 1000)),
          exceeded: counter.used > limit
        }
      })
  })
