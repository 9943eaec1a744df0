import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Queue } from "effect"
import { stopped } from "../../src/whatsapp/socket/CloseReason.ts"
import { makeEventOutlet } from "../../src/whatsapp/socket/EventOutlet.ts"
import { SocketEvent } from "../../src/whatsapp/WhatsApp.ts"

const qr = (n: number) => SocketEvent.Qr({ qr: String(n), expiresAt: DateTime.unsafeMake(0) })

describe("the event outlet", () => {
  it.scopedLive("stops the socket when nobody takes, and loses nothing", () =>
    Effect.gen(function*() {
      const outlet = yield* makeEventOutlet(4)
      const flow: Array<string> = []
      outlet.onFull({ pause: () => flow.push("pause"), resume: () => flow.push("resume") })
      for (let n = 0; n < 20; n++) outlet.publish(qr(n))
      yield* Effect.promise(() => outlet.flushed())
      expect(flow).toEqual(["pause"])
      expect(yield* Queue.size(outlet.events)).toBeLessThanOrEqual(5)
      const taken = yield* Effect.all(Array.from({ length: 20 }, () => Queue.take(outlet.events)))
      expect(taken.map((event) => event._tag === "Qr" && event.qr)).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
      yield* Effect.yieldNow()
      expect(flow).toEqual(["pause", "resume"])
    }))

  it.scopedLive("says once that the journal has grown, until someone looks", () =>
    Effect.gen(function*() {
      const outlet = yield* makeEventOutlet(4)
      for (let n = 0; n < 100; n++) outlet.publish(SocketEvent.Journalled())
      yield* Effect.promise(() => outlet.flushed())
      expect(yield* Queue.takeAll(outlet.events)).toHaveLength(1)
      outlet.publish(SocketEvent.Journalled())
      yield* Effect.promise(() => outlet.flushed())
      expect(yield* Queue.takeAll(outlet.events)).toHaveLength(1)
    }))

  it.scopedLive("ends with Closed, after what it waited for", () =>
    Effect.gen(function*() {
      const outlet = yield* makeEventOutlet(8)
      const { promise, resolve } = Promise.withResolvers<void>()
      outlet.publish(qr(1), promise)
      outlet.publish(SocketEvent.Closed({ reason: stopped }))
      outlet.publish(qr(2))
      expect(yield* Queue.size(outlet.events)).toBe(0)
      resolve()
      yield* Effect.promise(() => outlet.flushed())
      expect((yield* Queue.takeAll(outlet.events)).pipe((events) => [...events].map(({ _tag }) => _tag))).toEqual(["Qr", "Closed"])
    }))

  it.scopedLive("does not say what could not be stored, and goes on", () =>
    Effect.gen(function*() {
      const outlet = yield* makeEventOutlet(8)
      outlet.publish(qr(1), Promise.reject(new Error("disk full")))
      outlet.publish(qr(2))
      yield* Effect.promise(() => outlet.flushed())
      expect([...(yield* Queue.takeAll(outlet.events))]).toEqual([qr(2)])
    }))
})
