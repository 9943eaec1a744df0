import { connect, createServer, type Server, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** Between a program and a server: passes everything on, until told to fall silent or to cut. */
export class TcpProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #silent = 0

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, host)
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        this.#sockets.add(from)
        from.setNoDelay(true)
        from.on("error", () => to.destroy())
        from.on("close", () => {
          this.#sockets.delete(from)
          to.destroy()
        })
        from.on("data", (chunk) => to.write(chunk))
        if (this.#silent > 0) from.pause()
      }
    })
  }

  static async to(host: string, port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(host, port)
    await new Promise<void>((resolve, reject) => proxy.#server.once("error", reject).listen(0, "127.0.0.1", resolve))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  async silence(ms: number): Promise<void> {
    this.#silent++
    for (const socket of this.#sockets) socket.pause()
    await sleep(ms)
    if (--this.#silent === 0) for (const socket of this.#sockets) socket.resume()
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
