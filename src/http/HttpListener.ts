import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Config, Duration, Effect, Layer } from "effect"
import { createServer, type Server } from "node:http"
import type { Duplex } from "node:stream"
import { lifetime } from "./Lifetime.ts"

/** A server whose slow or broken clients cannot hold it: times in milliseconds. */
export const makeServer = (): Server =>
  createServer({
    headersTimeout: 20_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5000,
    maxHeaderSize: 16 * 1024
  }).on("clientError", refuse)

/** What is not HTTP gets the envelope too, as far as it can be told anything. */
const refuse = (error: NodeJS.ErrnoException, socket: Duplex) => {
  if (!socket.writable || error.code === "ECONNRESET") return socket.destroy()
  const [status, code] = error.code === "HPE_HEADER_OVERFLOW"
    ? ["431 Request Header Fields Too Large", "HEADERS_TOO_LARGE"]
    : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? ["408 Request Timeout", "REQUEST_TIMEOUT"]
    : ["400 Bad Request", "BAD_REQUEST"]
  const body = JSON.stringify({ success: false, message: "The request is not valid HTTP.", error: { code } })
  return socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

/** 0 lets the system choose one. */
const listenPort = Config.integer("PORT").pipe(
  Config.validate({ message: "a port from 0 to 65535 is expected", validation: (port) => port >= 0 && port <= 65_535 }),
  Config.withDefault(5000)
)

/**
 * Listens on `HOST` and `PORT`. On release it takes no new connections and waits for the requests in flight, at most
 * `SHUTDOWN_TIMEOUT` (10s), after which their connections are cut.
 */
export const layer = Layer.merge(
  Layer.scoped(
    HttpServer.HttpServer,
    Effect.gen(function*() {
      const port = yield* listenPort
      const host = yield* Config.string("HOST").pipe(Config.withDefault("0.0.0.0"))
      const patience = yield* lifetime("SHUTDOWN_TIMEOUT", "10 seconds")
      const node = makeServer()
      const server = yield* NodeHttpServer.make(() => node, { port, host })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          setTimeout(() => node.closeAllConnections(), Duration.toMillis(patience)).unref()
        })
      )
      return server
    })
  ),
  NodeHttpServer.layerContext
)
