import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JournalEntry } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { describeDatabases } from "../support/databases.ts"
import { makeDevice, online, openOnline, pair, peer, pendingUntil, phone, Server, world } from "./support/world.ts"

const texts = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Message" ? [fact.content] : []))
const kinds = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Message" || fact._tag === "Receipt" ? [fact._tag] : []))

// a database that takes its time shows what may overtake what
describeDatabases("what comes in is written down in the order in which it came", (database) => {
  it.scopedLive("a message typed on the phone while we were away, and then its receipt", () =>
    Effect.gen(function*() {
      const server = yield* Server
      yield* makeDevice()
      yield* pair()
      yield* Effect.scoped(openOnline())
      const budi = server.phone(peer)
      const id = yield* Effect.promise(() => server.phone(phone).send(peer, "diketik di telepon"))
      budi.read(id)
      const connection = yield* openOnline()
      const entries = yield* pendingUntil(connection, (found) => kinds(found).length === 2)
      expect(kinds(entries)).toEqual(["Message", "Receipt"])
    }).pipe(Effect.provide(world({}, database.layer))))

  it.scopedLive("the same while we are online", () =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer)
      const id = yield* Effect.promise(() => server.phone(phone).send(peer, "diketik di telepon"))
      budi.read(id)
      const entries = yield* pendingUntil(connection, (found) => kinds(found).length === 2)
      expect(kinds(entries)).toEqual(["Message", "Receipt"])
    }).pipe(Effect.provide(world({}, database.layer))))

  it.scopedLive.each(["pn", "lid"] as const)("several messages of somebody new, addressed by %s", (addressing) =>
    Effect.gen(function*() {
      const server = yield* Server
      const connection = yield* online()
      const budi = server.phone(peer)
      const device = budi.addDevice()
      const written = Array.from({ length: 6 }, (_, n) => `m${n}`)
      yield* Effect.promise(() => Promise.all(written.map((text) => budi.send(phone, text, { device: device.number }))))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === written.length)
      expect(texts(entries)).toEqual(written)
    }).pipe(Effect.provide(world({ addressing }, database.layer))))
})
