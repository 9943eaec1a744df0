import { expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import { EventEmitter } from "node:events"
import { queryObjects } from "node:v8"
import { makeDevice, openOnline, pair, peer, pendingUntil, phone, Server, world } from "./support/world.ts"

const rounds = 60

/** What lives on although nobody holds it is collected first. */
const alive = () => ({
  emitters: queryObjects(EventEmitter, { format: "count" }),
  handles: process.getActiveResourcesInfo().length,
  listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
})

it.scopedLive(`${rounds} reconnects of one device leave nothing behind`, () =>
  Effect.gen(function*() {
    const server = yield* Server
    const budi = server.phone(peer)
    yield* makeDevice()
    yield* pair()
    let received = 0
    const once = Effect.scoped(Effect.gen(function*() {
      const connection = yield* openOnline()
      yield* Effect.promise(() => budi.send(phone, "masih di sana?"))
      received++
      yield* pendingUntil(connection, (entries) => entries.filter(({ fact }) => fact._tag === "Message").length === received)
      server.connectionOf(phone).break("reset")
    }))
    for (let round = 0; round < 10; round++) yield* once
    const before = alive()
    for (let round = 0; round < rounds; round++) yield* once
    // the last TCP connection may end a moment later; one object a reconnect would be many more than these
    const after = alive()
    expect(after.emitters - before.emitters).toBeLessThan(10)
    expect(after.handles - before.handles).toBeLessThan(10)
    expect(after.listeners).toBe(before.listeners)
  }).pipe(Effect.provide(world()), Logger.withMinimumLogLevel(LogLevel.None)), 120_000)
