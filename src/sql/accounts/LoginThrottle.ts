import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, Effect, Layer, Option, Schedule, Schema } from "effect"
import { TooManyAttempts } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

/** How a kind of key is slowed down: `free` attempts cost nothing, each further one doubles the pause up to `cap` seconds. */
export interface ThrottleRule {
  readonly key: string
  readonly free: number
  readonly cap: number
}

/**
 * The `login_throttle` table. An attempt counts as failed from its beginning, so that many at once cannot slip through;
 * `succeeded` takes it back. A pause always ends: nobody is locked out for good by the attempts of others.
 */
export class LoginThrottle extends Context.Tag("whatsapp-service/LoginThrottle")<LoginThrottle, {
  readonly attempt: (rules: ReadonlyArray<ThrottleRule>) => Effect.Effect<void, TooManyAttempts | StorageUnavailable>
  /** Forgets the failures of `account`; takes this one attempt from the count of the `others`. */
  readonly succeeded: (account: string, others: ReadonlyArray<string>) => Effect.Effect<void, StorageUnavailable>
  /** Removes at most `limit` rows that no longer say anything. */
  readonly prune: (limit: number) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    LoginThrottle,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, limit, onMysql } = yield* makeDialect
      // MySQL's INSERT IGNORE would share the lock, and two who share it cannot both write
      const orLock = sql.literal(
        onMysql ? "ON DUPLICATE KEY UPDATE updated_at = updated_at" : "ON CONFLICT (throttle_key) DO NOTHING"
      )

      const find = SqlSchema.single({
        Request: Schema.String,
        Result: Schema.Struct({ failures: Schema.Int, blockedUntil: Schema.Int, updatedAt: Schema.Int }),
        execute: (key) =>
          sql`SELECT failures, blocked_until, updated_at FROM login_throttle WHERE throttle_key = ${key} ${forUpdate}`
      })

      const attempt = Effect.fn("LoginThrottle.attempt")(
        function*(rules: ReadonlyArray<ThrottleRule>) {
          const now = yield* Clock.currentTimeMillis
          const counts = yield* Effect.forEach(rules, (rule) =>
            Effect.gen(function*() {
              // a row that is there can be locked
              yield* sql`INSERT INTO login_throttle ${
                sql.insert({ throttleKey: rule.key, failures: 0, blockedUntil: 0, updatedAt: now })
              } ${orLock}`
              const row = yield* find(rule.key)
              const failures = row.updatedAt + forgottenAfter < now ? 0 : row.failures
              return { rule, failures, blockedUntil: row.blockedUntil }
            }))
          const end = Math.max(0, ...counts.map((count) => count.blockedUntil))
          if (end > now) return Option.some(Math.ceil((end - now) / 1000))
          yield* Effect.forEach(counts, ({ failures, rule }) =>
            sql`UPDATE login_throttle SET failures = ${failures + 1},
              blocked_until = ${blockedUntil(now, failures + 1, rule)}, updated_at = ${now}
              WHERE throttle_key = ${rule.key}`, { discard: true })
          return Option.none<number>()
        },
        sql.withTransaction,
        Effect.catchTag("NoSuchElementException", Effect.die),
        atBoundary,
        retryConflicts,
        Effect.flatMap(Option.match({
          onNone: () => Effect.void,
          onSome: (retryAfterSeconds) => new TooManyAttempts({ retryAfterSeconds })
        }))
      )

      const succeeded = Effect.fn("LoginThrottle.succeeded")(
        function*(account: string, others: ReadonlyArray<string>) {
          yield* sql`DELETE FROM login_throttle WHERE throttle_key = ${account}`
          yield* Effect.forEach(others, (key) =>
            sql`UPDATE login_throttle SET failures = failures - 1, blocked_until = 0
              WHERE throttle_key = ${key} AND failures > 0`, { discard: true })
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const prune = Effect.fn("LoginThrottle.prune")(function*(rows: number) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`DELETE FROM login_throttle WHERE throttle_key IN (SELECT throttle_key FROM
          (SELECT throttle_key FROM login_throttle WHERE updated_at < ${now - forgottenAfter} ${limit(rows)}) AS old)`
      }, atBoundary)

      yield* prune(1000).pipe(
        Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Old login attempts were not removed", error)),
        Effect.repeat(pruning),
        Effect.forkScoped
      )

      return LoginThrottle.of({ attempt, succeeded, prune })
    })
  )
}

const pruning = Schedule.jittered(Schedule.spaced("10 minutes"))

/** Milliseconds without an attempt after which a key starts afresh; longer than any pause. */
const forgottenAfter = 60 * 60_000

/** No pause is no time at all: for another attempt, which began earlier and waited for the row, this moment is yet to come. */
const blockedUntil = (now: number, failures: number, { cap, free }: ThrottleRule): number =>
  failures < free ? 0 : now + Math.min(cap, 2 ** Math.min(failures - free, 20)) * 1000
