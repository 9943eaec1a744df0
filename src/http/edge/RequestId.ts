import type { HttpServerRequest } from "@effect/platform"
import { randomUUID } from "node:crypto"

/** The id that the caller gave in `X-Request-Id` if it is harmless in a log, or a new one. */
export const requestId = (request: HttpServerRequest.HttpServerRequest): string => {
  const given = request.headers["x-request-id"]
  return given !== undefined && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : randomUUID()
}
