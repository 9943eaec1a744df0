import type { HttpServerRequest } from "@effect/platform"
import { Cache, Clock, Context, Effect, Either, Exit } from "effect"
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
  // a signature stays as good as it was, and checking it costs more than most requests; only the time is looked at again
  const verified = yield* Cache.makeWith({
    capacity: 10_000,
    lookup: tokens.verifyAccess,
    timeToLive: Exit.match({ onSuccess: () => "1 minute" as const, onFailure: () => 0 })
  })
  const verify = (token: string) =>
    Effect.gen(function*() {
      const claims = yield* verified.get(token)
      const now = yield* Clock.currentTimeMillis
      return now < claims.expiresAt.epochMillis ? claims : yield* tokens.verifyAccess(token)
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
