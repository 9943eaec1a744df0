import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { EmulatorError, type EmulatorErrorCode } from "../EmulatorError.ts"
import type { EmulatorServer } from "../EmulatorServer.ts"
import { GroupRefusal } from "../groups/GroupRefusal.ts"
import { BadRequest, type Call, type Route } from "./Route.ts"
import { routes } from "./routes.ts"

const MAX_BODY = 1 << 20

const statuses: Record<EmulatorErrorCode, number> = {
  "unknown-phone": 404,
  "unknown-ref": 404,
  "expired-ref": 410,
  "bad-qr": 400,
  "bad-signature": 409,
  "no-code-request": 404,
  "wrong-code": 403,
  "passkey-required": 403,
  "unknown-device": 404,
  "unknown-message": 404,
  "too-many-accounts": 409,
  "disconnected": 409,
  "timeout": 408
}

const bodyOf = async (request: IncomingMessage): Promise<Call["body"]> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY) throw new BadRequest("the body is too large")
    chunks.push(chunk)
  }
  if (size === 0) return {}
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"))
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Call["body"]
  } catch {
    // Said below.
  }
  throw new BadRequest("the body is no JSON object")
}

const match = (path: string, pattern: string): Record<string, string> | undefined => {
  const parts = path.split("/")
  const wanted = pattern.split("/")
  if (parts.length !== wanted.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = decodeURIComponent(parts[index] ?? "")
    if (part.startsWith(":")) params[part.slice(1)] = value
    else if (part !== value) return undefined
  }
  return params
}

const failure = (error: unknown): readonly [status: number, code: string, message: string] => {
  if (error instanceof EmulatorError) return [statuses[error.code], error.code, error.message]
  if (error instanceof GroupRefusal) return [error.code, "refused", error.message]
  if (error instanceof BadRequest) return [400, "bad-request", error.message]
  return [500, "defect", error instanceof Error ? error.message : String(error)]
}

/** Lets a person or a test in another process hold the phones: JSON over HTTP. */
export class ControlServer {
  readonly #emulator: EmulatorServer
  readonly #server: Server

  constructor(emulator: EmulatorServer) {
    this.#emulator = emulator
    this.#server = createServer((request, response) => void this.#serve(request, response))
    // Longer than a client's pool keeps a connection: otherwise a call now and then meets a closed one.
    this.#server.keepAliveTimeout = 65_000
  }

  listen(port: number, host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(port, host, () => {
        const address = this.#server.address() as AddressInfo
        resolve(`http://${host.includes(":") ? `[${host}]` : host}:${address.port}`)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await this.#answer(request)
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" })
    response.end(`${JSON.stringify(body, null, 2)}\n`)
  }

  async #answer(request: IncomingMessage): Promise<readonly [number, unknown]> {
    try {
      const url = new URL(request.url ?? "/", "http://emulator")
      const found = this.#find(request.method ?? "GET", url.pathname)
      if (!found) return [404, { error: { code: "not-found", message: `no ${request.method} ${url.pathname}` } }]
      const [route, params] = found
      const call = { server: this.#emulator, params, query: url.searchParams, body: await bodyOf(request) }
      return [200, await route[2](call)]
    } catch (error) {
      const [status, code, message] = failure(error)
      return [status, { error: { code, message } }]
    }
  }

  #find(method: string, path: string): readonly [Route, Record<string, string>] | undefined {
    for (const route of routes) {
      const params = route[0] === method ? match(path, route[1]) : undefined
      if (params) return [route, params]
    }
    return undefined
  }
}
