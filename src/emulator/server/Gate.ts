import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type WebSocket, WebSocketServer } from "ws"
import type { Hub } from "../Hub.ts"

const MAX_PAYLOAD = 1 << 25

const plain = (_request: IncomingMessage, response: ServerResponse) =>
  response.writeHead(426).end("This is a WebSocket server.\n")

/** The listening socket: lets WebSockets in, or refuses them as the faults say. */
export class Gate {
  readonly #hub: Hub
  readonly #server: Server
  readonly #upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_PAYLOAD })
  readonly #sockets = new Set<Socket>()

  constructor(hub: Hub, onSocket: (socket: WebSocket, tcp: Duplex) => void) {
    this.#hub = hub
    const { tls } = hub.settings
    this.#server = tls ? createSecureServer({ cert: tls.cert, key: tls.key }, plain) : createServer(plain)
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on("close", () => this.#sockets.delete(socket))
    })
    this.#server.on("upgrade", (request, socket: Duplex, head) => {
      this.#hub.stats.add("upgrades")
      socket.on("error", () => socket.destroy())
      if (this.#refused(socket)) return
      this.#upgrades.handleUpgrade(request, socket, head, (webSocket) => onSocket(webSocket, socket))
    })
  }

  listen(): Promise<string> {
    const { host, port, tls } = this.#hub.settings
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject)
        const address = this.#server.address() as AddressInfo
        const name = host.includes(":") ? `[${host}]` : host
        resolve(`${tls ? "wss" : "ws"}://${name}:${address.port}/ws/chat`)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
      this.#upgrades.close()
    })
  }

  #refused(socket: Duplex): boolean {
    if (this.#hub.faults.take("upgrade-hang")) return true
    const refusal = this.#hub.faults.take("upgrade-status")
    if (!refusal) return false
    const retry = refusal.retryAfter === undefined ? "" : `Retry-After: ${refusal.retryAfter}\r\n`
    socket.end(`HTTP/1.1 ${refusal.status} Emulated\r\n${retry}Content-Length: 0\r\nConnection: close\r\n\r\n`)
    return true
  }
}
