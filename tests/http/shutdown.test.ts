import { expect, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Exit, Layer, Scope } from "effect"
import * as HttpListener from "../../src/http/HttpListener.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser } from "../support/http.ts"

it.effect("a request in flight is answered while the server closes, and then nobody listens", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(httpLayer(), scope)
    yield* Effect.gen(function*() {
      const base = yield* baseUrl
      const { token, user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const streams = yield* Effect.promise(() => fetch(`${base}/api/events`, { headers: { authorization: `Bearer ${token}` } }))
      const body = "x".repeat(1000)
      const started = yield* Deferred.make<void>()
      // the head of the request is there, its body is not: it is in flight
      const pending = yield* Effect.fork(Effect.promise(() =>
        fetch(`${base}${api}/devices/${deviceId}/send-message`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: new ReadableStream({
            async start(controller) {
              controller.enqueue(new TextEncoder().encode(`{"phone":"6281234567890","message":"${body}`))
              await Effect.runPromise(Deferred.await(started))
              controller.enqueue(new TextEncoder().encode("\"}"))
              controller.close()
            }
          }),
          duplex: "half"
        } as RequestInit)
      ))
      yield* ask("GET", "/api/health")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      const rest = yield* Effect.promise(() => streams.text())
      expect(rest).toContain("\"reason\":\"shutdown\"")
      yield* Deferred.succeed(started, undefined)
      const answer = yield* pending
      expect(answer.status).toBe(200)
      expect(((yield* Effect.promise(() => answer.json())) as { readonly data: { readonly status: string } }).data.status).toBe("sent")
      yield* closing
      const refused = yield* Effect.exit(Effect.tryPromise(() => fetch(`${base}/api/health`)))
      expect(Exit.isFailure(refused)).toBe(true)
    }).pipe(Effect.provide(context))
  }), 30_000)

it.effect("a client that never finishes its request does not hold the stop", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(httpLayer({ SHUTDOWN_TIMEOUT: "300ms" }), scope)
    const base = yield* Effect.provide(baseUrl, context)
    const { token } = yield* Effect.provide(makeUser("user"), context)
    const begun = Date.now()
    const endless = yield* Effect.fork(Effect.either(Effect.tryPromise(() =>
      fetch(`${base}/api/auth/profile`, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{\"fullName\":")) }),
        duplex: "half"
      } as RequestInit)
    )))
    yield* Effect.provide(ask("GET", "/api/health"), context)
    yield* Scope.close(scope, Exit.void)
    expect(Date.now() - begun).toBeLessThan(4000)
    expect((yield* endless)._tag).toBe("Left")
  }), 30_000)

it.scoped("a request that comes before the service serves is told to come again", () =>
  Effect.gen(function*() {
    const settings = ConfigProvider.fromMap(new Map([["PORT", "0"], ["HOST", "127.0.0.1"]]))
    const context = yield* Layer.build(HttpListener.layer).pipe(Effect.withConfigProvider(settings))
    const { status, headers } = yield* Effect.provide(ask("GET", "/health/ready"), context)
    expect([status, headers.get("retry-after")]).toEqual([503, "1"])
  }))
