import { HttpServerError, type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Cause, Effect, Option } from "effect"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { answers } from "../Envelope.ts"
import {
  InternalError, InvalidJson, MethodNotAllowed, NotFound, PayloadTooLarge, RateLimited, UnsupportedMediaType
} from "./RequestErrors.ts"
import { allowedAt } from "./RouteTable.ts"

const known = [
  answers(NotFound), answers(MethodNotAllowed), answers(InvalidJson), answers(UnsupportedMediaType),
  answers(PayloadTooLarge), answers(RateLimited), answers(InternalError), answers(StorageUnavailable)
]
const answerIfKnown = (fault: unknown) => Option.firstSomeOf(known.map((answer) => answer(fault)))

export const answerTo = (fault: Error): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Option.getOrElse(answerIfKnown(fault), () => Effect.die(fault))

/** The last word on everything that no endpoint has answered: unknown paths, and faults of ours, which only the log sees. */
export const answerToCause = (
  cause: Cause.Cause<unknown>,
  request: HttpServerRequest.HttpServerRequest,
  requestId: string
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const fault = Cause.squash(cause)
  if (HttpServerError.isServerError(fault) && fault._tag === "RouteNotFound") return answerToUnrouted(request)
  return Option.getOrElse(answerIfKnown(fault), () =>
    Effect.logError("A request failed", cause).pipe(
      Effect.zipRight(answerTo(new InternalError({ requestId })))
    ))
}

const answerToUnrouted = (request: HttpServerRequest.HttpServerRequest) => {
  const allow = allowedAt(request.url)
  if (allow.length === 0) return answerTo(new NotFound())
  if (request.method === "OPTIONS") {
    return Effect.succeed(HttpServerResponse.empty({ status: 204, headers: { allow: allow.join(", ") } }))
  }
  return Effect.map(answerTo(new MethodNotAllowed({ allow })), HttpServerResponse.setHeader("allow", allow.join(", ")))
}
