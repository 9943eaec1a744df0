import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { createServer, type Server as HttpServer } from "node:http"
import { connect, type AddressInfo } from "node:net"
import { makeEgress } from "../../src/whatsapp/socket/Egress.ts"
import { WhatsApp } from "../../src/whatsapp/WhatsApp.ts"
import { makeDevice, next, openOnline, openOptions, pair, Server, world } from "./support/world.ts"

const listening = (server: HttpServer) =>
  Effect.acquireRelease(
    Effect.promise(() => new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)))),
    () => Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
  )

/** An HTTP proxy that remembers where it was asked to go. */
const proxy = (asked: Array<string>) => {
  const server = createServer()
  server.on("connect", (request, client, head) => {
    asked.push(request.url ?? "")
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n")
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    })
    upstream.on("error", () => client.destroy())
    client.on("error", () => upstream.destroy())
    client.on("close", () => upstream.destroy())
  })
  return server
}

describe("the egress of a device", () => {
  it.scopedLive("takes its socket through its proxy", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const asked: Array<string> = []
      const port = yield* listening(proxy(asked))
      const proxyUrl = Redacted.make(`http://user:secret@127.0.0.1:${port}`)
      yield* makeDevice()
      yield* pair({ proxyUrl })
      const connection = yield* openOnline({ proxyUrl })
      yield* connection.probe
      expect(new Set(asked)).toEqual(new Set([new URL(server.url).host]))
      expect(asked.length).toBeGreaterThanOrEqual(2)
    }).pipe(Effect.provide(world())))

  it.scopedLive("whose proxy is gone cannot connect, and does not go round it", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      const logins = server.stats.logins
      const connection = yield* openAt("http://127.0.0.1:1")
      expect((yield* next(connection, "Closed")).reason.reason).toBe("connection_lost")
      expect(server.stats.logins).toBe(logins)
    }).pipe(Effect.provide(world())))

  it.scopedLive("gives media downloads an end", () =>
    Effect.gen(function*() {
      const port = yield* listening(createServer(() => undefined))
      const egress = makeEgress({ proxyUrl: undefined, mediaCa: undefined, timeout: "100 millis" })
      yield* Effect.addFinalizer(() => Effect.promise(() => egress.close()))
      const options = { dispatcher: egress.dispatcher } as unknown as RequestInit
      const result = yield* Effect.either(Effect.tryPromise(() => fetch(`http://127.0.0.1:${port}/blob`, options)))
      expect(result._tag).toBe("Left")
    }))

  it.scopedLive("knows socks5 as well", () =>
    Effect.gen(function*() {
      const egress = makeEgress({ proxyUrl: Redacted.make("socks5://127.0.0.1:1"), mediaCa: undefined })
      yield* Effect.addFinalizer(() => Effect.promise(() => egress.close()))
      const options = { dispatcher: egress.dispatcher } as unknown as RequestInit
      const result = yield* Effect.either(Effect.tryPromise(() => fetch("http://127.0.0.1:9/blob", options)))
      expect(result._tag).toBe("Left")
      expect(egress.agent).toBeDefined()
    }))
})

const openAt = (url: string) =>
  Effect.flatMap(WhatsApp, (whatsApp) => whatsApp.open(openOptions({ proxyUrl: Redacted.make(url) })))
