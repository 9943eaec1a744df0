import { createServer, connect, type Socket } from "node:net"

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/**
 * Stands between a process and what it speaks to, and lets the network fail: a black hole keeps connections open and
 * carries nothing. With `target` it forwards; without, it is an HTTP proxy that is told by CONNECT where to.
 */
export const startTcpProxy = async (target?: { readonly host: string; readonly port: number }) => {
  const pairs = new Set<Pair>()
  let hole = false
  let refusing = false
  let delay = 0
  const swallowed = new Set<string>()
  const asked: Array<string> = []

  const carry = (from: Socket, to: Socket) => {
    from.on("data", (data) => {
      if (hole) return
      if (delay === 0) to.write(data)
      else setTimeout(() => hole || to.destroyed || to.write(data), delay)
    })
    from.on("close", () => hole || setTimeout(() => to.destroy(), delay))
    from.on("error", () => from.destroy())
  }
  const join = (near: Socket, host: string, port: number, greeting?: string) => {
    const far = connect(port, host)
    const pair = { near, far }
    pairs.add(pair)
    near.once("close", () => pairs.delete(pair))
    if (greeting !== undefined) far.once("connect", () => near.write(greeting))
    carry(near, far)
    carry(far, near)
  }
  const server = createServer((near) => {
    near.on("error", () => near.destroy())
    if (refusing) return near.destroy()
    // what connects into a black hole is let in and hears nothing
    if (hole) return near.resume()
    if (target !== undefined) return join(near, target.host, target.port)
    near.once("data", (head) => {
      const [, host = "", port = "80"] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString()) ?? []
      asked.push(host)
      // a host that takes the connection and never says a word
      if (swallowed.has(host)) return near.write("HTTP/1.1 200 OK\r\n\r\n")
      return join(near, host, Number(port), "HTTP/1.1 200 OK\r\n\r\n")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const cut = () => {
    for (const { far, near } of pairs) {
      near.destroy()
      far.destroy()
    }
    pairs.clear()
  }
  return {
    port,
    /** hosts it was asked for by CONNECT */
    asked,
    swallow: (host: string) => swallowed.add(host),
    blackHole: (on: boolean) => {
      hole = on
      // what went into the hole does not come out of it
      if (!on) cut()
    },
    refuse: (on: boolean) => {
      refusing = on
      if (on) cut()
    },
    slow: (millis: number) => {
      delay = millis
    },
    end: () => {
      cut()
      server.close()
    }
  }
}
export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>
