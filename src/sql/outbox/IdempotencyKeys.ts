import { SqlClient } from "@effect/sql"
import { Clock, Context, Duration, Effect, Layer, Schema } from "effect"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { isDuplicate, makeDialect } from "../database/Dialect.ts"

const rowsAtOnce = 1000
const mark = "idempotency_keys"

const decodePositions = Schema.decodeUnknown(Schema.Array(Schema.Struct({ position: Schema.Int })))
const decodeEnds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, createdAt: Schema.Int })))

/** The keys under which calls were made; messages, jobs and schedules stay when theirs is forgotten. */
export class IdempotencyKeys extends Context.Tag("whatsapp-service/IdempotencyKeys")<IdempotencyKeys, {
  /** Forgets keys older than this, of some rows at a time; true if there may be more to do. */
  readonly forget: (age: Duration.Duration) => Effect.Effect<boolean, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    IdempotencyKeys,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect

      const position = Effect.gen(function*() {
        const [found] = yield* decodePositions(yield* sql`SELECT position FROM progress_marks WHERE name = ${mark}`)
        if (found !== undefined) return found.position
        // another process may be as far
        yield* Effect.catchIf(sql`INSERT INTO progress_marks ${sql.insert({ name: mark, position: 0 })}`, isDuplicate, () => Effect.void)
        return 0
      })

      return IdempotencyKeys.of({
        forget: Effect.fn("IdempotencyKeys.forget")(function*(age) {
          const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(age)
          for (const table of ["jobs", "schedules"]) {
            yield* sql`UPDATE ${sql(table)} SET idempotency_key = NULL, request_hash = NULL
              WHERE idempotency_key IS NOT NULL AND created_at < ${before}`
          }
          // each message is looked at once, in the order in which they came: no index is needed for it
          const from = yield* position
          const rows = yield* decodeEnds(
            yield* sql`SELECT id, created_at FROM messages WHERE id > ${from} ORDER BY id ${dialect.limit(rowsAtOnce)}`
          )
          const young = rows.findIndex(({ createdAt }) => createdAt >= before)
          const old = young < 0 ? rows : rows.slice(0, young)
          const last = old.at(-1)
          if (last === undefined) return false
          yield* sql`UPDATE messages SET idempotency_key = NULL, request_hash = NULL
            WHERE id > ${from} AND id <= ${last.id} AND idempotency_key IS NOT NULL`
          yield* sql`UPDATE progress_marks SET position = ${last.id} WHERE name = ${mark} AND position < ${last.id}`
          return old.length === rowsAtOnce
        }, retryConflicts, atBoundary)
      })
    })
  )
}
