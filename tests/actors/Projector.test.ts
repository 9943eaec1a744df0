import { describe, expect, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { DateTime, Effect, TestClock } from "effect"
import { Projector } from "../../src/actors/receiving/Projector.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import type { Jid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { actorsLayer, makeDevice, outage, phone } from "../support/actors.ts"
import { FakeWhatsApp } from "../support/FakeWhatsApp.ts"

const budi = "6281299990001"
const fact = (text: string) =>
  Inbound.Message({
    origin: { chat: `${budi}@s.whatsapp.net` as Jid, peer: { phone: phone(budi) }, participant: undefined, fromMe: false },
    messageId: MessageId.make(text.toUpperCase()),
    messageType: "text",
    content: text,
    metadata: null,
    payload: new Uint8Array([1]),
    timestamp: DateTime.unsafeMake(1000),
    offline: false
  })

const contents = Effect.flatMap(SqlClient.SqlClient, (sql) => sql<{ readonly content: string }>`SELECT content FROM messages ORDER BY id`).pipe(
  Effect.map((rows) => rows.map(({ content }) => content))
)

describe("Projector", () => {
  it.scoped("puts aside what the database refuses, tells it, and writes the rest in order", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* makeDevice()
      const sql = yield* SqlClient.SqlClient
      const fake = yield* FakeWhatsApp
      const projector = yield* Projector
      yield* sql.unsafe(
        "CREATE TRIGGER no_poison BEFORE INSERT ON messages WHEN NEW.content = 'poison' BEGIN SELECT RAISE(ABORT, 'no poison'); END"
      )
      for (const [id, text] of ["before", "poison", "after"].entries()) fake.journal.push({ id, fact: fact(text) })
      const draining = yield* Effect.fork(projector.drain(deviceId))
      yield* TestClock.adjust("5 seconds")
      yield* draining
      expect(yield* contents).toEqual(["before", "after"])
      expect(fake.quarantined).toEqual([1])
      expect(fake.journal).toEqual([])
      const events = yield* (yield* EventLog).after({ after: 0, limit: 100 })
      expect(events.filter(({ type }) => type === "message.quarantined").map(({ data }) => data)).toEqual([
        { journalId: 1, messageIds: ["POISON"], reason: "no poison" }
      ])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("gives nothing up where no fact at all can be written", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* makeDevice()
      const sql = yield* SqlClient.SqlClient
      const fake = yield* FakeWhatsApp
      const projector = yield* Projector
      yield* sql`UPDATE whatsapp_sessions SET phone_number = 'nonsense'`
      fake.journal.push({ id: 1, fact: fact("waits") })
      const draining = yield* Effect.fork(Effect.exit(projector.drain(deviceId)))
      yield* TestClock.adjust("5 seconds")
      expect((yield* draining)._tag).toBe("Failure")
      expect(fake.quarantined).toEqual([])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("gives nothing up while the database takes no writes", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* makeDevice()
      const fake = yield* FakeWhatsApp
      const projector = yield* Projector
      fake.journal.push({ id: 1, fact: fact("waits") })
      const error = yield* outage(Effect.flip(projector.drain(deviceId)))
      expect(error._tag).toBe("StorageUnavailable")
      expect(fake.quarantined).toEqual([])
      yield* projector.drain(deviceId)
      expect(yield* contents).toEqual(["waits"])
    }).pipe(Effect.provide(actorsLayer)))
})
