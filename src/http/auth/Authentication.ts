import type { HttpServerRequest } from "@effect/platform"
import { Cache, Clock, Context, Effect, Either, Option } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { looksLikeApiKey } from "./ApiKeySecret.ts"
import { Credential } from "./Credential.ts"
import { KeyRing, type WrongApiKey } from "./KeyRing.ts"
import { StreamTickets } from "./StreamTickets.ts"
import { Tokens } from "./Tokens.ts"

export type NotAuthenticated = Unauthorized | WrongApiKey | StorageUnavailable

/** What the request shows, checked once for all that ask: the rate limit by caller, the endpoints, the event stream. */
export class Authentication extends Context.Reference<Authentication>()("whatsapp-service/Authentication", {
  defaultValue: (): Either.Either<Credential, NotAuthenticated> => Either.left(missing)
}) {}

/** Only the event stream's address may carry a token or a ticket: query strings end up in logs and histories. */
const takesQuery = "/api/events"

export const authenticate = Effect.gen(function*() {
  const tokens = yield* Tokens
  const keyRing = yield* KeyRing
  const tickets = yield* StreamTickets
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

  const byKey = (key: string) => Effect.map(keyRing.verify(key), (found) => Credential.Key({ key: found, devices: found.devices }))
  const byToken = (token: string) => Effect.map(verify(token), (claims) => Credential.Token({ claims, devices: null }))
  const read = ({ headers, method, url }: HttpServerRequest.HttpServerRequest): Effect.Effect<Credential, NotAuthenticated> => {
    const bearer = bearerOf(headers["authorization"])
    if (bearer !== undefined) return looksLikeApiKey(bearer) ? byKey(bearer) : byToken(bearer)
    const key = headers["x-api-key"]
    if (key !== undefined) return byKey(key)
    const query = method === "GET" ? streamQuery(url) : undefined
    const ticket = query?.get("ticket")
    if (ticket) return tickets.redeem(ticket)
    const token = query?.get("token")
    return token ? byToken(token) : Effect.fail(missing)
  }
  return (request: HttpServerRequest.HttpServerRequest) => Effect.either(read(request))
})

const missing = new Unauthorized({ reason: "missing" })

const bearerOf = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ""

const streamQuery = (url: string): URLSearchParams | undefined => {
  const [path, query] = url.split("?", 2)
  return path === takesQuery && query !== undefined ? new URLSearchParams(query) : undefined
}
