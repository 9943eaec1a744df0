import { SqlClient } from "@effect/sql"
import { ConfigProvider, Context, Effect, Layer, Queue } from "effect"
import type { EmulatorOptions } from "../../../src/emulator/EmulatorOptions.ts"
import { type EmulatorServer, startEmulator } from "../../../src/emulator/EmulatorServer.ts"
import { sqlite } from "../../../src/sql/database/Database.ts"
import migrate from "../../../src/sql/migrations/0001_initial.ts"
import { InboundJournal, type JournalEntry } from "../../../src/whatsapp/receiving/InboundJournal.ts"
import { type Connection, type OpenOptions, type SocketEvent, WhatsApp } from "../../../src/whatsapp/WhatsApp.ts"
import { cipher, deviceId, makeDevice, openOptions, phone } from "./device.ts"

export * from "./device.ts"

/** The emulated server of a test. */
export class Server extends Context.Tag("test/Server")<Server, EmulatorServer>() {
  static readonly layer = (options: EmulatorOptions = {}) =>
    Layer.scoped(
      Server,
      Effect.acquireRelease(
        Effect.promise(() => startEmulator({ historySync: false, ...options })),
        (server) => Effect.promise(() => server.stop())
      )
    )
}

export const database = Layer.effectDiscard(migrate).pipe(Layer.provideMerge(sqlite(":memory:")), Layer.orDie)

/** A database to which a commit is far dearer than a message is to us. */
export const slowDatabase = Layer.effect(
  SqlClient.SqlClient,
  Effect.map(SqlClient.SqlClient, (sql) => {
    const withTransaction = sql.withTransaction.bind(sql)
    return Object.assign(sql, { withTransaction: ((effect) => Effect.delay(withTransaction(effect), "100 millis")) satisfies typeof withTransaction })
  })
).pipe(Layer.provide(database))

type Environment = (server: EmulatorServer) => Readonly<Record<string, string>>
const configured = (environment: Environment) =>
  Layer.unwrapEffect(
    Effect.map(Server, (server) =>
      Layer.setConfigProvider(ConfigProvider.fromMap(
        new Map(Object.entries({
          WA_SOCKET_URL: server.url,
          WA_NOISE_ROOT_KEY: server.noiseRootKey,
          WA_MEDIA_CA: server.mediaCa,
          WA_STORAGE_PATIENCE: "200 millis",
          ...environment(server)
        }))
      )))
  )

/** Emulator, empty database, and our WhatsApp that knows the one and writes into the other. */
export const world = (
  options: EmulatorOptions = {},
  client: Layer.Layer<SqlClient.SqlClient> = database,
  environment: Environment = () => ({})
) =>
  Layer.mergeAll(WhatsApp.layer, InboundJournal.layer).pipe(
    Layer.provide(configured(environment)),
    Layer.provideMerge(Layer.mergeAll(Server.layer(options), client, cipher)),
    Layer.orDie
  )

/** The next event of this kind; others before it are dropped. */
export const next = <Tag extends SocketEvent["_tag"]>(connection: Connection, tag: Tag) =>
  Effect.iterate(undefined as SocketEvent | undefined, {
    while: (event) => event?._tag !== tag,
    body: () => Queue.take(connection.events)
  }).pipe(
    Effect.map((event) => event as Extract<SocketEvent, { readonly _tag: Tag }>)
  )

/** Links the device with the phone and closes the socket. */
export const pair = Effect.fnUntraced(function*(changes: Partial<OpenOptions> = {}, number = phone) {
  const whatsApp = yield* WhatsApp
  const server = yield* Server
  return yield* Effect.scoped(Effect.gen(function*() {
    const connection = yield* whatsApp.open(openOptions({ pairing: true, ...changes }))
    const { qr } = yield* next(connection, "Qr")
    yield* Effect.promise(() => server.phone(number).scan(qr))
    const paired = yield* next(connection, "Paired")
    const { reason } = yield* next(connection, "Closed")
    return { paired, reason }
  }))
})

export const openOnline = Effect.fnUntraced(function*(changes: Partial<OpenOptions> = {}) {
  const whatsApp = yield* WhatsApp
  const connection = yield* whatsApp.open(openOptions(changes))
  yield* next(connection, "Drained")
  return connection
})

/** An online device, linked a moment ago. */
export const online = Effect.fnUntraced(function*() {
  yield* makeDevice()
  yield* pair()
  return yield* openOnline()
})

/** What the journal holds as soon as it is enough. */
export const pendingUntil = (
  connection: Connection,
  enough: (entries: ReadonlyArray<JournalEntry>) => boolean
): Effect.Effect<ReadonlyArray<JournalEntry>, never, InboundJournal> =>
  InboundJournal.pipe(
    Effect.flatMap((journal) => journal.pending(deviceId, 500)),
    Effect.orDie,
    Effect.flatMap((entries) =>
      enough(entries)
        ? Effect.succeed(entries)
        : Effect.zipRight(next(connection, "Journalled"), pendingUntil(connection, enough))
    )
  )
