import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Cause, Clock, Effect } from "effect"
import { Origin } from "../../domain/Audit.ts"
import { Authentication, authenticate } from "../auth/Authentication.ts"
import { pathOf, recordAccess } from "./AccessLog.ts"
import { ClientAddress } from "./ClientAddress.ts"
import { makeCors } from "./Cors.ts"
import { answerTo, answerToCause } from "./ErrorAnswer.ts"
import { type Allowance, RateLimit } from "./RateLimit.ts"
import { bodyLimit, withJsonBody } from "./RequestBody.ts"
import { RateLimited } from "./RequestErrors.ts"
import { requestId } from "./RequestId.ts"
import { withSecurityHeaders } from "./SecurityHeaders.ts"

/** What every request goes through before and after its endpoint. */
export const layer = HttpLayerRouter.middleware(
  Effect.gen(function*() {
    const clients = yield* ClientAddress
    const rateLimit = yield* RateLimit
    const check = yield* authenticate
    const withCors = yield* makeCors
    const largestBody = yield* bodyLimit

    return (endpoint) =>
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const id = requestId(request)
        const begun = yield* Clock.currentTimeMillis

        const answered = Effect.gen(function*() {
          const authentication = yield* check(request)
          const allowance = yield* rateLimit.take(request, authentication)
          if (allowance?.exceeded) {
            return withAllowance(yield* answerTo(new RateLimited({ retryAfterSeconds: allowance.resetSeconds })), allowance)
          }
          const response = yield* endpoint.pipe(
            Effect.provideService(HttpServerRequest.HttpServerRequest, withJsonBody(request, largestBody)),
            Effect.provideService(Authentication, authentication),
            Effect.provideService(Origin, { address: clients.exact(request), userAgent: request.headers["user-agent"] ?? null }),
            unlessInterrupted((cause) => answerToCause(cause, request, id))
          )
          return withAllowance(response, allowance)
        }).pipe(
          unlessInterrupted((cause) => answerToCause(cause, request, id)),
          Effect.map((response) => withCors(request, response)),
          Effect.map((response) => withSecurityHeaders(response, { isSecure: clients.isSecure(request), path: pathOf(request.url) })),
          Effect.map(HttpServerResponse.setHeader("x-request-id", id))
        )
        return yield* answered.pipe(
          Effect.tap((response) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => recordAccess(request, response.status, now - begun))
          ),
          Effect.annotateLogs("requestId", id)
        )
      })
  }),
  { global: true }
)

/** A client that has gone needs no answer. */
const unlessInterrupted = <B, E2, R2>(f: (cause: Cause.Cause<unknown>) => Effect.Effect<B, E2, R2>) =>
<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | B, E | E2, R | R2> =>
  Effect.catchAllCause(effect, (cause): Effect.Effect<A | B, E | E2, R2> =>
    Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : f(cause))

const withAllowance = (response: HttpServerResponse.HttpServerResponse, allowance: Allowance | undefined) =>
  allowance === undefined ? response : HttpServerResponse.setHeaders(response, {
    "ratelimit-limit": String(allowance.limit),
    "ratelimit-remaining": String(allowance.remaining),
    "ratelimit-reset": String(allowance.resetSeconds)
  })
