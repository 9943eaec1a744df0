import type { HttpServerRequest } from "@effect/platform"
import { Effect, Metric, MetricBoundaries } from "effect"
import { isProbe, routeOf } from "./RouteTable.ts"

const seconds = Metric.histogram(
  "http_request_duration_seconds",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
  "Time to the answer's head, by endpoint and status"
)

/** Method and path of a request as they may be logged: a query may hold a token. */
export const pathOf = (url: string): string => url.split("?", 1)[0]!.slice(0, 512)

/** One line and one figure a request; a probe that went well is told at debug level. */
export const recordAccess = (request: HttpServerRequest.HttpServerRequest, status: number, millis: number): Effect.Effect<void> => {
  const path = pathOf(request.url)
  const log = isProbe(path) && status < 400 ? Effect.logDebug("request") : Effect.logInfo("request")
  return Effect.zipRight(
    Metric.update(figureOf(request, status), millis / 1000),
    Effect.annotateLogs(log, { method: request.method, path, status, ms: millis })
  )
}

/** Made once for each endpoint and status: what a client makes up, path or method, is `unknown`. */
const figureOf = ({ method, url }: HttpServerRequest.HttpServerRequest, status: number) => {
  const route = routeOf(method, url)
  const key = route === undefined ? `unknown unknown ${status}` : `${method} ${route} ${status}`
  const known = figures.get(key)
  if (known !== undefined) return known
  const made = seconds.pipe(
    Metric.tagged("method", route === undefined ? "unknown" : method),
    Metric.tagged("route", route ?? "unknown"),
    Metric.tagged("status", String(status))
  )
  figures.set(key, made)
  return made
}
const figures = new Map<string, typeof seconds>()
