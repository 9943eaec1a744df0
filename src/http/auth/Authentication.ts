import type { HttpServerRequest } from "@effect/platform"
import { Context, Effect, Either } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import { type Claims, Tokens } from "./Tokens.ts"

/** The request's token, checked once for all that ask: the rate limit by caller, the endpoints, the event stream. */
export class Authentication extends Context.Reference<Authentication>()("whatsapp-service/Authentication", {
  defaultValue: (): Either.Either<Claims, Unauthorized> => Either.left(new Unauthorized({ reason: "missing" }))
}) {}

/** Only the event stream's address may carry the token: query strings end up in logs and histories. */
const takesTokenFromQuery = "/api/events"

export const authenticate = Effect.map(Tokens, (tokens) => (request: HttpServerRequest.HttpServerRequest) => {
  const token = bearerOf(request.headers["authorization"]) ?? queryToken(request.url)
  return token === undefined
    ? Effect.succeed(Either.left(new Unauthorized({ reason: "missing" })))
    : Effect.either(tokens.verifyAccess(token))
})

const bearerOf = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ""

const queryToken = (url: string): string | undefined => {
  const [path, query] = url.split("?", 2)
  return path === takesTokenFromQuery && query !== undefined
    ? new URLSearchParams(query).get("token") || undefined
    : undefined
}
