import { HttpApi } from "@effect/platform"
import { Api } from "../../src/http/Api.ts"

/** Every endpoint of the contract, its path as `/devices/:deviceId`. */
export const endpoints: Array<{ readonly method: string; readonly path: string }> = []
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint }) => void endpoints.push({ method: endpoint.method, path: endpoint.path })
})
