import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Config, Context, Duration, Effect, Layer, Schema } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { duration, wholeNumber } from "../domain/Settings.ts"

/** The socket on which the server listens. */
export class Listening extends Context.Tag("whatsapp-service/Listening")<Listening, {
  /**
   * Takes no new connections and waits until what is in flight has been answered, at most `SHUTDOWN_TIMEOUT`, after which
   * the connections are cut.
   */
  readonly close: Effect.Effect<void>
}>() {}

/** `PORT`; 0 lets the system choose one. */
export const listenPort = wholeNumber("PORT", { from: 0, to: 65_535, fallback: 5000 })

/** `SHUTDOWN_TIMEOUT`: how long a stop waits for what is being answered. */
export const shutdownTimeout = duration("SHUTDOWN_TIMEOUT", "5 seconds")

/** `message` is one line for a person. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect
}) {
  override get message() {
    const code = this.cause instanceof Error && "code" in this.cause ? String(this.cause.code) : String(this.cause)
    return code === "EADDRINUSE"
      ? `PORT: ${this.port} is taken by another program`
      : `${code === "EACCES" ? "PORT" : "HOST"}: cannot listen on ${this.host}, port ${this.port}: ${code}`
  }
}

/** Listens on `HOST` and `PORT`. */
export const layer = Layer.merge(
  Layer.scopedContext(Effect.gen(function*() {
    const port = yield* listenPort
    const host = yield* Config.string("HOST").pipe(Config.withDefault("0.0.0.0"))
    const patience = yield* shutdownTimeout
    const node = makeServer()
    const closeIdle = idleConnections(node)
    refuseUntilServed(node)
    const server = yield* Effect.mapError(
      NodeHttpServer.make(() => node, { port, host }),
      ({ cause }) => new CannotListen({ host, port, cause })
    )
    const close = Effect.async<void>((resume) => {
      // Node closes what is idle at this moment; neither what becomes idle later nor what has never asked anything
      const idle = setInterval(closeIdle, 50)
      const cut = setTimeout(() => node.closeAllConnections(), Duration.toMillis(patience))
      node.close(() => {
        clearInterval(idle)
        clearTimeout(cut)
        resume(Effect.void)
      })
    })
    return Context.make(HttpServer.HttpServer, server).pipe(Context.add(Listening, { close }))
  })),
  NodeHttpServer.layerContext
)

/** A server whose slow or broken clients cannot hold it: times in milliseconds. */
const makeServer = (): Server =>
  createServer({
    headersTimeout: 20_000,
    // a large file over a slow line; what is not one has a deadline of its own, and so has silence
    requestTimeout: 30 * 60_000,
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

/** Between listening and serving Node would leave a request without any answer. */
const refuseUntilServed = (server: Server) => {
  server.on("request", answerStarting)
  server.on("newListener", (event) => event === "request" && server.off("request", answerStarting))
}

const answerStarting = (_: IncomingMessage, response: ServerResponse) => {
  const body = { success: false, message: "The service is starting; try again.", error: { code: "STARTING" } }
  response.writeHead(503, { "content-type": "application/json", "retry-after": "1", connection: "close" })
  response.end(JSON.stringify(body))
}

/** Cuts, each time it is called, the connections on which no request is being answered. */
const idleConnections = (server: Server) => {
  const answering = new Map<Socket, number>()
  server.on("connection", (socket) => {
    answering.set(socket, 0)
    socket.once("close", () => answering.delete(socket))
  })
  server.on("request", ({ socket }, response) => {
    answering.set(socket, (answering.get(socket) ?? 0) + 1)
    response.once("close", () => answering.has(socket) && answering.set(socket, answering.get(socket)! - 1))
  })
  return () => {
    for (const [socket, requests] of answering) if (requests === 0) socket.destroySoon()
  }
}
