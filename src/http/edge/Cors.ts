import { type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Config, Effect } from "effect"

const origins = Config.string("FRONTEND_URL").pipe(
  Config.withDefault("http://localhost:3000,http://localhost:3001,http://localhost:3002"),
  Config.map((list) => list.split(",").map((origin) => origin.trim().replace(/\/+$/, "")).filter((origin) => origin !== ""))
)

/** The headers by which a browser lets the pages of `FRONTEND_URL` read an answer; other origins get none. */
export const makeCors = Effect.map(origins, (allowed) =>
(request: HttpServerRequest.HttpServerRequest, response: HttpServerResponse.HttpServerResponse) => {
  const origin = request.headers["origin"]
  if (origin === undefined || !allowed.includes(origin)) return HttpServerResponse.setHeader(response, "vary", "Origin")
  return HttpServerResponse.setHeaders(response, {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, " +
      "Idempotency-Replayed, X-Next-After",
    ...(request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined && {
      "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
      "access-control-allow-headers": "Authorization, X-API-Key, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id",
      "access-control-max-age": "600"
    })
  })
})
