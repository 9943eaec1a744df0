import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { initAuthCreds, proto, type SignalDataSet } from "@whiskeysockets/baileys"
import { Duration, Effect, Layer, Logger, LogLevel, Redacted, Schema, type Scope } from "effect"
import { Cipher } from "../../src/domain/Cipher.ts"
import { type AuthError, makeAuthRows } from "../../src/whatsapp/auth/AuthRows.ts"
import { InboundJournal } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { type JournalRecord, encodeRecord } from "../../src/whatsapp/receiving/JournalRecord.ts"
import { journalType, makeKeyStore, parseCreds } from "../../src/whatsapp/auth/KeyStore.ts"
import { describeDatabases } from "../support/databases.ts"
import { cipher, deviceId, makeDevice } from "./support/world.ts"

const open = Effect.fnUntraced(function*(epoch = 1) {
  const failures: Array<AuthError["_tag"]> = []
  let journalled = 0
  const store = makeKeyStore({
    deviceId,
    epoch,
    rows: yield* makeAuthRows,
    runtime: yield* Effect.runtime<never>(),
    patience: Duration.millis(100),
    onFailure: (error) => failures.push(error._tag),
    onJournalled: () => journalled++
  })
  const durably = async (data: SignalDataSet) => {
    await store.keys.set(data)
    await store.durable()
  }
  return { ...store, handOver: store.keys.set, keys: { ...store.keys, set: durably }, failures, journalled: () => journalled }
})

const Count = Schema.Array(Schema.Struct({ n: Schema.Number }))
const count = (table: "auth_state" | "inbound_journal") =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(Effect.flatMap(sql`SELECT count(*) AS n FROM ${sql(table)}`, Schema.decodeUnknown(Count)), ([row]) => row?.n))

const message = (id: string): JournalRecord => ({
  kind: "message",
  attrs: { id, from: "6281200000001@s.whatsapp.net", t: "1700000000" },
  me: { id: "6281234567890:1@s.whatsapp.net", lid: null },
  plaintext: Buffer.concat([proto.Message.encode({ conversation: id }).finish(), Buffer.from([1])]).toString("base64")
})
const journalSet = (digest: string, id: string) =>
  ({ [journalType]: { [digest]: encodeRecord(message(id)) } }) as SignalDataSet

describeDatabases("the key store", (database) => {
  const world = InboundJournal.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(database.layer, cipher)),
    Layer.provide(Logger.minimumLogLevel(LogLevel.None))
  )
  layer(world, { excludeTestServices: true })((it) => suite((name, body) => it.scoped(name, () => Effect.zipRight(fresh, body))))
})

const fresh = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  for (const table of ["auth_state", "inbound_journal", "whatsapp_sessions"]) yield* sql`DELETE FROM ${sql(table)}`
  yield* makeDevice()
})

const many = (from: number) => ({ "lid-mapping": Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`k${from + i}`, "1"])) })

type Test = (name: string, body: Effect.Effect<void, unknown, SqlClient.SqlClient | Cipher | InboundJournal | Scope.Scope>) => void

const suite = (test: Test) => {
  test("gives back what it was given, in every shape", Effect.gen(function*() {
    const { keys } = yield* open()
    const session = { _sessions: { a: { registrationId: 7 } }, version: "v1" }
    const set: SignalDataSet = {
      session: { "1_1.0": session as never },
      "sender-key": { "1@g.us::2_1::0": Buffer.from([0, 1, 255]) },
      "pre-key": { "5": { public: Buffer.from([1]), private: Buffer.from([2]) } },
      "lid-mapping": { "6281": "99", "99_reverse": "6281" },
      "device-list": { "6281": ["0", "3"] },
      "app-state-sync-key": { AAAA: proto.Message.AppStateSyncKeyData.fromObject({ keyData: Buffer.from([9]) }) }
    }
    yield* Effect.promise(async () => keys.set(set))
    // once from what is remembered, once from the database
    for (const { keys: other } of [{ keys }, yield* open()]) {
      yield* Effect.promise(async () => {
        expect(await other.get("session", ["1_1.0", "absent"])).toEqual({ "1_1.0": session })
        expect(await other.get("sender-key", ["1@g.us::2_1::0"])).toEqual({ "1@g.us::2_1::0": Buffer.from([0, 1, 255]) })
        expect((await other.get("pre-key", ["5"]))["5"]).toEqual({ public: Buffer.from([1]), private: Buffer.from([2]) })
        expect(await other.get("lid-mapping", ["6281", "99_reverse"])).toEqual({ "6281": "99", "99_reverse": "6281" })
        const key = (await other.get("app-state-sync-key", ["AAAA"]))["AAAA"]
        expect(key).toBeInstanceOf(proto.Message.AppStateSyncKeyData)
        expect(Buffer.from(key?.keyData ?? [])).toEqual(Buffer.from([9]))
      })
    }
    yield* Effect.promise(async () => keys.set({ session: { "1_1.0": null } }))
    expect(yield* Effect.promise(async () => keys.get("session", ["1_1.0"]))).toEqual({})
  }))

  test("keeps values as they were at the call, and callers apart", Effect.gen(function*() {
    const { keys } = yield* open()
    const devices = ["0"]
    const writing = keys.set({ "device-list": { "1": devices } })
    devices.push("1")
    yield* Effect.promise(async () => writing)
    const first = (yield* Effect.promise(async () => keys.get("device-list", ["1"])))["1"]
    expect(first).toEqual(["0"])
    first?.push("9")
    expect(yield* Effect.promise(async () => keys.get("device-list", ["1"]))).toEqual({ "1": ["0"] })
  }))

  test("writes 812 pre-keys and reads them at once", Effect.gen(function*() {
    const { keys } = yield* open()
    const ids = Array.from({ length: 812 }, (_, i) => String(i))
    const pair = { public: Buffer.alloc(32), private: Buffer.alloc(32) }
    yield* Effect.promise(async () => keys.set({ "pre-key": Object.fromEntries(ids.map((id) => [id, pair])) }))
    const other = yield* open()
    expect(Object.keys(yield* Effect.promise(async () => other.keys.get("pre-key", ids)))).toHaveLength(812)
  }))

  test("is written in the order of the calls", Effect.gen(function*() {
    const { keys } = yield* open()
    yield* Effect.promise(() =>
      Promise.all(Array.from({ length: 30 }, async (_, i) => keys.set({ "lid-mapping": { a: String(i) } })))
    )
    const other = yield* open()
    expect(yield* Effect.promise(async () => other.keys.get("lid-mapping", ["a"]))).toEqual({ a: "29" })
  }))

  test("what is handed over is read at once, and becomes durable in one go", Effect.gen(function*() {
    const store = yield* open()
    const other = yield* open()
    yield* Effect.promise(async () => {
      for (let i = 0; i < 20; i++) await store.handOver({ "lid-mapping": { a: String(i), [`b${i}`]: "1" }, ...journalSet(`d${i}`, `M${i}`) })
      expect(await store.keys.get("lid-mapping", ["a"])).toEqual({ a: "19" })
      expect(await store.known("d7")).not.toHaveLength(0)
      expect(store.journalled()).toBe(0)
      const first = store.durable()
      expect(store.durable()).toBe(first)
      await first
      expect(store.durable()).toBeUndefined()
      expect(store.journalled()).toBe(1)
      expect(await other.keys.get("lid-mapping", ["a", "b3"])).toEqual({ a: "19", b3: "1" })
    })
    expect(yield* count("inbound_journal")).toBe(20)
  }))

  test("writers wait when the database does not keep up", Effect.gen(function*() {
    const store = yield* open()
    yield* Effect.promise(async () => {
      await store.handOver(many(0))
      expect(store.durable()).toBeDefined()
      await store.handOver(many(1500))
      expect(store.durable()).toBeUndefined()
    })
  }))

  test("what cannot be written lets nobody believe that it was", Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const store = yield* open(1)
    yield* sql`UPDATE whatsapp_sessions SET owner_epoch = 2`
    yield* Effect.promise(async () => {
      await store.handOver({ "lid-mapping": { a: "1" } })
      await expect(store.durable()).rejects.toMatchObject({ _tag: "OwnerChanged" })
      await expect(store.durable()).rejects.toMatchObject({ _tag: "OwnerChanged" })
      await expect(store.handOver({ "lid-mapping": { a: "2" } })).rejects.toMatchObject({ _tag: "OwnerChanged" })
      store.journal([{ digest: "d", kind: "receipt", value: new Uint8Array(1) }])
      await store.idle()
    })
    expect(yield* count("auth_state")).toBe(0)
    expect(yield* count("inbound_journal")).toBe(0)
  }))

  test("credentials are one row, as they are at the call", Effect.gen(function*() {
    const store = yield* open()
    const rows = yield* makeAuthRows
    const creds = initAuthCreds()
    store.saveCreds(creds)
    creds.nextPreKeyId = 99
    yield* Effect.promise(async () => store.durable())
    const stored = parseCreds((yield* rows.read(deviceId, "creds", [""])).get("")!)
    expect(stored.nextPreKeyId).toBe(1)
    expect(stored.noiseKey).toEqual(creds.noiseKey)
  }))

  test("session and journal row are written together or not at all", Effect.gen(function*() {
    const journal = yield* InboundJournal
    const store = yield* open()
    yield* Effect.promise(async () => store.keys.set({ session: { a: {} as never }, ...journalSet("d1", "M1") }))
    expect(yield* journal.pending(deviceId, 10)).toHaveLength(1)
    expect(store.journalled()).toBe(1)

    const tooLong = "x".repeat(300)
    const sql = yield* SqlClient.SqlClient
    yield* sql.onDialectOrElse({
      mysql: () => Effect.void,
      orElse: () =>
        Effect.acquireRelease(
          Effect.asVoid(sql`CREATE TRIGGER refuse BEFORE INSERT ON inbound_journal BEGIN SELECT RAISE(ABORT, 'no'); END`),
          () => Effect.orDie(sql`DROP TRIGGER refuse`)
        )
    })
    const failed = yield* Effect.promise(() =>
      Promise.resolve(store.keys.set({ session: { b: {} as never }, ...journalSet(tooLong, "M2") })).then(() => false, () => true)
    )
    expect(failed).toBe(true)
    expect(store.failures).toEqual(["StorageUnavailable"])
    expect(yield* count("auth_state")).toBe(1)
    // and it is over: nobody goes on with half a state
    yield* Effect.promise(() => expect(store.keys.get("session", ["a"])).rejects.toBeDefined())
  }))

  test("an older owner writes nothing", Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const old = yield* open(1)
    yield* Effect.promise(async () => old.keys.set({ "lid-mapping": { a: "1" } }))
    yield* sql`UPDATE whatsapp_sessions SET owner_epoch = 2`
    yield* Effect.promise(() =>
      expect(old.keys.set({ "lid-mapping": { a: "2" }, ...journalSet("d", "M") })).rejects.toMatchObject({ _tag: "OwnerChanged" })
    )
    expect(old.failures).toEqual(["OwnerChanged"])
    const current = yield* open(2)
    expect(yield* Effect.promise(async () => current.keys.get("lid-mapping", ["a"]))).toEqual({ a: "1" })
    expect(yield* count("inbound_journal")).toBe(0)
  }))

  test("a row under another key is an error, not an absence", Effect.gen(function*() {
    const { keys } = yield* open()
    yield* Effect.promise(async () => keys.set({ session: { a: {} as never } }))
    const other = yield* open().pipe(Effect.provide(Cipher.layer([Redacted.make("another key of thirty-two characters")])))
    yield* Effect.promise(() => expect(other.keys.get("session", ["a"])).rejects.toMatchObject({ _tag: "Undecipherable" }))
    expect(other.failures).toEqual(["Undecipherable"])
  }))

  test("nothing readable stands in the database", Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const store = yield* open()
    yield* Effect.promise(async () => store.keys.set({ "lid-mapping": { a: "a very secret value" }, ...journalSet("d", "a very secret text") }))
    const rows = yield* Effect.flatMap(
      sql`SELECT value FROM auth_state UNION ALL SELECT value FROM inbound_journal`,
      Schema.decodeUnknown(Schema.Array(Schema.Struct({ value: Schema.Uint8ArrayFromSelf })))
    )
    expect(rows).toHaveLength(2)
    for (const { value } of rows) expect(Buffer.from(value).toString("latin1")).not.toContain("secret")
  }))

  test("the journal: in order, done, known for a fortnight", Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const journal = yield* InboundJournal
    const store = yield* open()
    for (const id of ["M1", "M2", "M3"]) yield* Effect.promise(async () => store.keys.set(journalSet(`digest-${id}`, id)))
    // the same again is the same
    yield* Effect.promise(async () => store.keys.set(journalSet("digest-M1", "M1")))
    const entries = yield* journal.pending(deviceId, 2)
    expect(entries.map(({ fact }) => fact._tag === "Message" && fact.content)).toEqual(["M1", "M2"])
    yield* journal.done(deviceId, entries.map(({ id }) => id))
    expect((yield* journal.pending(deviceId, 10)).map(({ fact }) => fact._tag === "Message" && fact.content)).toEqual(["M3"])
    expect(yield* Effect.promise(() => store.known("digest-M1"))).toHaveLength(0)
    expect(yield* Effect.promise(() => store.known("digest-M3"))).not.toHaveLength(0)
    expect(yield* Effect.promise(() => store.known("digest-M4"))).toBeUndefined()
    expect(yield* journal.prune(10)).toBe(0)
    yield* sql`UPDATE inbound_journal SET done_at = 1 WHERE done_at IS NOT NULL`
    expect(yield* journal.prune(1)).toBe(1)
    expect(yield* journal.prune(10)).toBe(1)
    expect(yield* count("inbound_journal")).toBe(1)
  }))

  test("the journal knows both ids of a person from what WhatsApp told before", Effect.gen(function*() {
    const journal = yield* InboundJournal
    const store = yield* open()
    yield* Effect.promise(async () => store.keys.set({ "lid-mapping": { "6281200000001": "777", "777_reverse": "6281200000001" } }))
    yield* Effect.promise(async () => store.keys.set(journalSet("d", "M1")))
    const [entry] = yield* journal.pending(deviceId, 10)
    expect(entry?.fact).toMatchObject({ origin: { peer: { phone: "6281200000001", lid: "777@lid" } } })
  }))
}
