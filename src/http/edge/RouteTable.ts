import { HttpApi, HttpLayerRouter } from "@effect/platform"
import { Api } from "../Api.ts"

const router = HttpLayerRouter.FindMyWay.make<string>()
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint }) => router.on(endpoint.method as "GET", endpoint.path as "/", endpoint.path)
})
for (const path of ["/docs", "/openapi.json"] as const) router.on("GET", path, path)

/** The pattern of the endpoint that answers, for figures; a path that only a client made up has none. */
export const routeOf = (method: string, url: string): string | undefined =>
  router.find(method === "HEAD" ? "GET" : method, url)?.handler

const probes = new Set(["/api/health", "/health/live", "/health/ready", "/metrics"])

/** Asked by machines every few seconds. */
export const isProbe = (path: string): boolean => probes.has(path)

/** What may be asked at this path; empty where there is nothing. */
export const allowedAt = (url: string): ReadonlyArray<string> => {
  const allowed = methods.filter((method) => router.find(method, url) !== undefined)
  return allowed.length === 0 ? [] : [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : []), "OPTIONS"]
}
