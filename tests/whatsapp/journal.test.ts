import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cipher } from "../../src/domain/Cipher.ts"
import { journalPlace } from "../../src/whatsapp/auth/AuthRows.ts"
import { InboundJournal } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { encodeRecord, type JournalRecord } from "../../src/whatsapp/receiving/JournalRecord.ts"
import { cipher, deviceId, makeDevice } from "./support/device.ts"
import { database } from "./support/world.ts"

const layer = InboundJournal.layer.pipe(Layer.provideMerge(Layer.merge(database, cipher)))

const text = (id: string): JournalRecord => ({
  kind: "message",
  attrs: { id, from: "6281299990001@s.whatsapp.net", t: "1700000000" },
  me: { id: "6281200000001:5@s.whatsapp.net", lid: null },
  // conversation "hi" with one byte of padding
  plaintext: Buffer.from([0x0a, 2, 0x68, 0x69, 1]).toString("base64")
})

const write = Effect.fnUntraced(function*(digest: string, record: JournalRecord, damage: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) {
  const sql = yield* SqlClient.SqlClient
  const { kind, value } = encodeRecord(record)
  const sealed = damage((yield* Cipher).encrypt(journalPlace(deviceId, digest), value))
  yield* sql`INSERT INTO inbound_journal ${sql.insert({ deviceId, kind, digest, value: Buffer.from(sealed), createdAt: 0 })}`
})

describe("the inbound journal", () => {
  it.scoped("an entry that cannot be read is kept, and holds nothing up", () =>
    Effect.gen(function*() {
      const journal = yield* InboundJournal
      const sql = yield* SqlClient.SqlClient
      yield* makeDevice()
      yield* write("a", text("A"), (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1))
      yield* write("b", text("an id\nthat no phone makes"))
      yield* write("c", text("C"))
      const entries = yield* journal.pending(deviceId, 10)
      expect(entries.map(({ fact }) => fact._tag)).toEqual(["Internal", "Internal", "Message"])
      yield* journal.done(deviceId, entries.map(({ id }) => id))
      expect(yield* journal.pending(deviceId, 10)).toEqual([])
      const rows = yield* sql<{ kind: string; size: number }>`SELECT kind, LENGTH(value) AS size FROM inbound_journal ORDER BY id`
      expect(rows.map(({ kind, size }) => [kind, size > 0])).toEqual([["unreadable", true], ["unreadable", true], ["message", false]])
    }).pipe(Effect.provide(layer)))
})
