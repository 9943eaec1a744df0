import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** Where traffic goes that was asked to go to `host`. */
export type Route = (host: string, port: number) => { readonly host: string; readonly port: number }

export interface ProxyOptions {
  /** "user:password", as it is to be typed; without it everybody is let in. */
  readonly credentials?: string
  readonly route?: Route
  /** It lets nobody through. */
  readonly refuses?: boolean
}

/** A SOCKS5 and HTTP CONNECT proxy on one port, which remembers where it was asked to go and how much went through. */
export const startProxy = async (options: ProxyOptions = {}) => {
  const asked: Array<string> = []
  const carried = { out: 0, back: 0 }
  const tunnels = makeTunnels(carried)
  const go = (client: Socket, host: string, port: number, accept: () => void, deny: () => void) => {
    asked.push(`${host}:${port}`)
    if (options.refuses) return deny()
    const target = options.route?.(host, port) ?? { host, port }
    const upstream = connect(target.port, target.host)
    upstream.once("connect", () => {
      accept()
      tunnels.join(client, upstream)
    })
    upstream.once("error", deny)
  }

  const http = (client: Socket, head: Buffer) => {
    const text = head.toString("latin1")
    if (!text.includes("\r\n\r\n")) return client.once("data", (more: Buffer) => http(client, Buffer.concat([head, more])))
    const [, host = "", port = ""] = /^CONNECT ([^ ]+):(\d+) /.exec(text) ?? []
    const given = /^proxy-authorization: basic (.*)$/im.exec(text)?.[1]?.trim() ?? ""
    const refused = (status: string) => client.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    if (options.credentials !== undefined && Buffer.from(given, "base64").toString() !== options.credentials) {
      return refused("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic")
    }
    return go(client, host, Number(port), () => client.write("HTTP/1.1 200 OK\r\n\r\n"), () => refused("403 Forbidden"))
  }

  const socks = async (client: Socket, greeting: Buffer) => {
    const method = options.credentials === undefined ? 0 : 2
    if (!greeting.subarray(2).includes(method)) return client.end(Buffer.from([5, 255]))
    client.write(Buffer.from([5, method]))
    if (method === 2) {
      const given = await next(client)
      const user = given.subarray(2, 2 + given[1]!)
      const password = given.subarray(3 + user.length)
      const known = `${user}:${password}` === options.credentials
      client.write(Buffer.from([1, known ? 0 : 1]))
      if (!known) return client.end()
    }
    const request = await next(client)
    const named = request[3] === 3
    const end = named ? 5 + request[4]! : 8
    const host = named ? request.toString("latin1", 5, end) : request.subarray(4, 8).join(".")
    const answer = (code: number) => client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
    return go(client, host, request.readUInt16BE(end), () => answer(0), () => {
      answer(2)
      client.end()
    })
  }

  const server = createServer((client) => {
    tunnels.hold(client)
    client.once("data", (head: Buffer) => {
      if (head[0] === 5) void socks(client, head).catch(() => client.destroy())
      else http(client, head)
    })
  })
  const port = await listening(server)
  const at = (scheme: string, credentials = options.credentials) =>
    `${scheme}://${credentials === undefined ? "" : `${encoded(credentials)}@`}127.0.0.1:${port}`
  return { at, asked, carried, freeze: tunnels.freeze, close: () => tunnels.close(server) }
}
export type Proxy = Awaited<ReturnType<typeof startProxy>>

/** A network cable between a client and a server, which can be pulled without either of them being told. */
export const startCable = async (target: number) => {
  const tunnels = makeTunnels({ out: 0, back: 0 })
  const server = createServer((client) => {
    tunnels.hold(client)
    const upstream = connect(target, "127.0.0.1")
    upstream.once("connect", () => tunnels.join(client, upstream))
    upstream.once("error", () => client.destroy())
  })
  const port = await listening(server)
  return { port, pull: tunnels.freeze, close: () => tunnels.close(server) }
}

const makeTunnels = (carried: { out: number; back: number }) => {
  const open = new Set<Socket>()
  let frozen = false
  const hold = (socket: Socket) => {
    open.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => open.delete(socket))
  }
  const carry = (from: Socket, to: Socket, way: "out" | "back") => {
    from.on("data", (data: Buffer) => {
      if (frozen) return
      carried[way] += data.length
      to.write(data)
    })
    from.on("close", () => {
      if (!frozen) to.destroy()
    })
  }
  return {
    hold,
    join: (client: Socket, upstream: Socket) => {
      hold(upstream)
      carry(client, upstream, "out")
      carry(upstream, client, "back")
    },
    /** What is sent is taken, and reaches nobody; what ends is not told. */
    freeze: () => {
      frozen = true
    },
    close: async (server: Server) => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, "close")
    }
  }
}

const encoded = (credentials: string): string => {
  const [user = "", ...password] = credentials.split(":")
  return `${encodeURIComponent(user)}:${encodeURIComponent(password.join(":"))}`
}

const next = async (socket: Socket): Promise<Buffer> => (await once(socket, "data"))[0]

const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}
