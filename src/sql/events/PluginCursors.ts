import { SqlClient } from "@effect/sql"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "./EventLog.ts"
import { ShardLeases } from "../devices/ShardLeases.ts"

/** Where a plugin that is new to this database begins. */
export type Beginning = "now" | "oldest"

/**
 * The `plugin_cursors` table: how far each plugin is in the event log, and which process runs it. That process holds the plugin
 * for as long as the table of nodes shows it alive, as it holds its devices.
 */
export class PluginCursors extends Context.Tag("whatsapp-service/PluginCursors")<PluginCursors, {
  /** Answers the last event that the plugin is done with if this process runs it from now on, or still does. */
  readonly take: (name: string, beginning: Beginning) => Effect.Effect<number | undefined, StorageUnavailable>
  /** False: another process runs the plugin by now, and nothing has been written. */
  readonly advance: (name: string, passed: number) => Effect.Effect<boolean, StorageUnavailable>
  readonly holds: (name: string) => Effect.Effect<boolean, StorageUnavailable>
  readonly give: (name: string) => Effect.Effect<void, StorageUnavailable>
  /** Of the cursors of these names the one that is furthest behind; undefined if none of them has begun. */
  readonly slowest: (names: ReadonlyArray<string>) => Effect.Effect<number | undefined, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    PluginCursors,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { affected, onMysql } = yield* makeDialect
      const log = yield* EventLog
      const { instance } = yield* ShardLeases
      const now = sql.literal(
        onMysql ? "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)" : "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
      )
      const alive = (holder: string) => sql`EXISTS (SELECT 1 FROM nodes n WHERE n.instance = ${sql.literal(holder)} AND n.alive_until > ${now})`

      const begin = Effect.fnUntraced(function*(name: string, beginning: Beginning) {
        const [row] = yield* sql`SELECT name FROM plugin_cursors WHERE name = ${name}`
        if (row !== undefined) return
        const passedId = beginning === "now" ? yield* log.latest : Math.max(0, (yield* log.oldest) - 1)
        const updatedAt = yield* Clock.currentTimeMillis
        yield* sql`INSERT INTO plugin_cursors ${sql.insert({ name, passedId, updatedAt })}`.pipe(
          // another process was faster
          Effect.catchIf(isDuplicate, () => Effect.void)
        )
      })

      const holds = Effect.fn("PluginCursors.holds")(function*(name: string) {
        const rows = yield* sql`SELECT name FROM plugin_cursors
          WHERE name = ${name} AND instance = ${instance} AND ${alive("plugin_cursors.instance")}`
        return rows.length > 0
      }, atBoundary)

      return PluginCursors.of({
        holds,

        take: Effect.fn("PluginCursors.take")(function*(name: string, beginning: Beginning) {
          yield* begin(name, beginning)
          yield* sql`UPDATE plugin_cursors SET instance = ${instance}
            WHERE name = ${name} AND (instance IS NULL OR (instance <> ${instance} AND NOT ${alive("plugin_cursors.instance")}))`
          if (!(yield* holds(name))) return undefined
          const [row] = yield* sql`SELECT passed_id FROM plugin_cursors WHERE name = ${name}`.pipe(Effect.flatMap(decode))
          return row?.passedId
        }, retryConflicts, atBoundary),

        advance: Effect.fn("PluginCursors.advance")(function*(name: string, passed: number) {
          const updatedAt = yield* Clock.currentTimeMillis
          const rows = yield* affected(sql`UPDATE plugin_cursors SET passed_id = ${passed}, updated_at = ${updatedAt}
            WHERE name = ${name} AND instance = ${instance}`)
          return rows > 0
        }, retryConflicts, atBoundary),

        give: (name) =>
          Effect.asVoid(sql`UPDATE plugin_cursors SET instance = NULL WHERE name = ${name} AND instance = ${instance}`).pipe(
            retryConflicts,
            atBoundary
          ),

        slowest: Effect.fn("PluginCursors.slowest")(function*(names: ReadonlyArray<string>) {
          if (names.length === 0) return undefined
          const rows = yield* sql`SELECT passed_id FROM plugin_cursors WHERE ${sql.in("name", names)} ORDER BY passed_id LIMIT 1`.pipe(
            Effect.flatMap(decode)
          )
          return rows[0]?.passedId
        }, atBoundary)
      })
    })
  )
}

const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({ passedId: Schema.Int })))
