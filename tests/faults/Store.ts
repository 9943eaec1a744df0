import { SqlClient } from "@effect/sql"
import { Effect, Layer, ManagedRuntime, Redacted, Schedule } from "effect"
import { Cipher } from "../../src/domain/Cipher.ts"
import { sqlite } from "../../src/sql/database/Database.ts"
import { isConflict } from "../../src/sql/database/Dialect.ts"
import { makeAuthRows } from "../../src/whatsapp/auth/AuthRows.ts"
import { SharedDatabase, type TestDatabase } from "../support/databases.ts"

export const encryptionKey = "the key of the fault matrix: 32 characters or more"

export interface StoredMessage {
  readonly messageId: string
  readonly deviceId: string
  readonly direction: "incoming" | "outgoing"
  readonly status: string
  readonly content: string | null
  readonly participant: string | null
  readonly attempts: number
}

/** Where a database lies. */
export type Place = Pick<TestDatabase, "name" | "shared">

/** One on a file system of one's choice. */
export const sqliteAt = (file: string): Place => ({
  name: "SQLite",
  shared: Layer.succeed(SharedDatabase, SharedDatabase.of({
    client: Layer.orDie(Layer.fresh(sqlite(file))),
    environment: { DATABASE_URL: `sqlite:${file}` }
  }))
})

/** A database of its own for one service, and a second way into it. */
export const openStore = async (database: Place) => {
  const client = Layer.unwrapEffect(Effect.map(SharedDatabase, (shared) => shared.client)).pipe(
    Layer.provideMerge(database.shared)
  )
  const runtime = ManagedRuntime.make(client)
  const { environment } = await runtime.runPromise(SharedDatabase)
  const run = <A, E>(query: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>): Promise<A> =>
    runtime.runPromise(
      Effect.flatMap(SqlClient.SqlClient, query).pipe(
        // the service writes too
        Effect.retry({ while: isConflict, schedule: Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(500)) })
      )
    )

  return {
    name: database.name,
    environment,
    run,
    /** Nobody else writes for as long; in MySQL: nothing of a device. */
    lock: (millis: number) =>
      run((sql) => {
        const rows = sql.onDialectOrElse({ mysql: () => sql`SELECT id FROM whatsapp_sessions FOR UPDATE`, orElse: () => sql`SELECT 1` })
        // a connection that says nothing for long is taken for dead
        const hold = Effect.repeatN(Effect.zipRight(Effect.sleep(Math.min(millis, 1000)), sql`SELECT 1`), Math.ceil(millis / 1000) - 1)
        return sql.withTransaction(Effect.zipRight(rows, hold))
      }),
    messages: (deviceId: string) =>
      run((sql) =>
        sql<StoredMessage>`SELECT message_id, device_id, direction, status, content, participant, attempts FROM messages
          WHERE device_id = ${deviceId} ORDER BY id`),
    /** Private keys of everything stored, as they would look in a log. */
    secrets: () =>
      runtime.runPromise(
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const rows = yield* makeAuthRows
          const places = yield* sql<{ readonly deviceId: never; readonly type: string; readonly id: string }>`SELECT device_id, type, id
            FROM auth_state WHERE type IN ('creds', 'session') OR id IN ('1', '2', '3')`
          const found = new Set<string>()
          for (const { deviceId, id, type } of places.slice(0, 200)) {
            const values = yield* Effect.orElseSucceed(rows.read(deviceId, type, [id]), () => new Map<string, Uint8Array>())
            for (const value of values.values()) {
              const text = Buffer.from(value).toString()
              for (const [, key] of text.matchAll(/"(?:private|privKey|rootKey)":(?:\{"type":"Buffer","data":)?"([A-Za-z0-9+/=]{40,})"/g)) {
                if (key !== undefined) found.add(key)
              }
            }
          }
          return found
        }).pipe(Effect.provide(Cipher.layer([Redacted.make(encryptionKey)])))
      ),
    end: () => runtime.dispose()
  }
}
export type Store = Awaited<ReturnType<typeof openStore>>
