import type { HttpServerRequest } from "@effect/platform"
import { Cache, Clock, Config, Context, Duration, Effect, Either, Layer } from "effect"
import { duration, wholeNumber } from "../../domain/Settings.ts"
import { access } from "../auth/Access.ts"
import { type Credential, nameOf } from "../auth/Credential.ts"
import { pathOf } from "./AccessLog.ts"
import { ClientAddress } from "./ClientAddress.ts"
import { isProbe, routeOf } from "./RouteTable.ts"

export interface Allowance {
  readonly limit: number
  readonly remaining: number
  /** until the window ends */
  readonly resetSeconds: number
  readonly exceeded: boolean
}

/**
 * Counts requests in fixed windows: by token or API key where a valid one is asked for and there, by address elsewhere. Each process counts
 * for itself. At most 20,000 counters are kept; the least used is forgotten first.
 */
export class RateLimit extends Context.Tag("whatsapp-service/RateLimit")<RateLimit, {
  /** Counts the request; undefined when it is not limited. */
  readonly take: (
    request: HttpServerRequest.HttpServerRequest,
    authentication: Either.Either<Credential, unknown>
  ) => Effect.Effect<Allowance | undefined>
}>() {
  static readonly layer = Layer.effect(
    RateLimit,
    Effect.gen(function*() {
      const clients = yield* ClientAddress
      const on = yield* Config.literal("on", "off")("RATE_LIMIT").pipe(Config.withDefault("on" as const))
      const max = yield* wholeNumber("RATE_LIMIT_MAX", { from: 1, to: mostRequests, fallback: 100 })
      const tokenMax = yield* wholeNumber("RATE_LIMIT_TOKEN_MAX", { from: 1, to: mostRequests, fallback: 1000 })
      const byAddress = yield* counters(max, yield* duration("RATE_LIMIT_WINDOW", "15 minutes"))
      const byCredential = yield* counters(tokenMax, Duration.minutes(1))

      return RateLimit.of({
        take: (request, authentication) =>
          on === "off" || isExempt(request)
            ? Effect.succeed(undefined)
            : Either.isRight(authentication) && !isOpenToAll(request)
            ? byCredential(nameOf(authentication.right))
            : byAddress(clients.of(request))
      })
    })
  )
}

const mostRequests = 1_000_000_000

/** Registering and logging in cost the same with a token as without: a token buys no further attempts at them. */
const isOpenToAll = ({ method, url }: HttpServerRequest.HttpServerRequest): boolean =>
  access[`${method} ${routeOf(method, url)}`]?.who === "public"

/** Probes, scrapers and the documentation, and the browser's own question whether it may ask. */
const isExempt = ({ method, url }: HttpServerRequest.HttpServerRequest): boolean =>
  method === "OPTIONS" || isProbe(pathOf(url)) || documentation.has(pathOf(url))
const documentation = new Set(["/docs", "/openapi.json"])

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
