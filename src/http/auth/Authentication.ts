import type { HttpServerRequest } from "@effect/platform"
import { Cache, Clock, Context, Effect, Either, Option } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import { type Claims, Tokens } from "./Tokens.ts"

/** The request's token, checked once for all that ask: the rate limit by caller, the endpoints, the event stream. */
export class Authentication extends Context.Reference<Authentication>()("whatsapp-service/Authentication", {
  defaultValue: (): Either.Either<Claims, Unauthorized> => Either.left(missing)
}) {}

/** Only the event stream's address may carry the token: query strings end up in logs and histories. */
const takesTokenFromQuery = "/api/events"

export const authenticate = Effect.gen(function*() {
  const tokens = yield* Tokens
  // a signature stays as good as it was, and checking it costs more than most requests; only the time is looked at again.
  // What somebody made up is not kept: its length is his to choose
  const verified = yield* Cache.make({ capacity: 10_000, timeToLive: "1 minute", lookup: tokens.verifyAccess })
  const verify = (token: string) =>
    Effect.gen(function*() {
      const known = yield* verified.getOptionComplete(token)
      const now = yield* Clock.currentTimeMillis
      if (Option.isSome(known) && now < known.value.expiresAt.epochMillis) return known.value
      return yield* Effect.tap(tokens.verifyAccess(token), (claims) => verified.set(token, claims))
    })

  return (request: HttpServerRequest.HttpServerRequest) => {
    const token = bearerOf(request.headers["authorization"]) ?? queryToken(request.url)
    return token === undefined ? Effect.succeed(Either.left(missing)) : Effect.either(verify(token))
  }
})

const missing = new Unauthorized({ reason: "missing" })

const bearerOf = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ""

const queryToken = (url: string): string | undefined => {
  const [path, query] = url.split("?", 2)
  return path === takesTokenFromQuery && query !== undefined
    ? new URLSearchParams(query).get("token") || undefined
    : undefined
}
