import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Clock, Effect, Either, Layer, TestClock } from "effect"
import { LoginThrottle } from "../../src/sql/accounts/LoginThrottle.ts"
import { describeDatabases } from "../support/databases.ts"

const account = (key: string) => ({ key, free: 3, cap: 10 })
const address = (key: string) => ({ key: `address:${key}`, free: 100, cap: 10 })
/** The pause in seconds, 0 when the attempt was let through. */
const attempt = (name: string, from = "10.0.0.1") =>
  Effect.gen(function*() {
    const throttle = yield* LoginThrottle
    const outcome = yield* Effect.either(throttle.attempt([account(name), address(from)]))
    return Either.match(outcome, {
      onLeft: (error) => (error._tag === "TooManyAttempts" ? error.retryAfterSeconds : -1),
      onRight: () => 0
    })
  })

describeDatabases("LoginThrottle", (database) => {
  layer(LoginThrottle.layer.pipe(Layer.provideMerge(database.layer)))((it) => {
    it.effect("pauses double up to the cap, and waiting always ends them", () =>
      Effect.gen(function*() {
        expect(yield* Effect.replicateEffect(attempt("a"), 4)).toEqual([0, 0, 0, 1])
        const pauses: Array<number> = []
        for (let i = 0; i < 6; i++) {
          const pause = yield* attempt("a")
          pauses.push(pause)
          yield* TestClock.adjust(`${pause} seconds`)
          expect(yield* attempt("a")).toBe(0)
        }
        expect(pauses).toEqual([1, 2, 4, 8, 10, 10])
      }))

    it.effect("nobody who is let in holds up another whose attempt began a moment earlier", () =>
      Effect.gen(function*() {
        const throttle = yield* LoginThrottle
        const now = yield* Clock.currentTimeMillis
        expect(yield* attempt("early")).toBe(0)
        yield* TestClock.setTime(now - 50)
        expect(yield* attempt("early")).toBe(0)
        yield* TestClock.setTime(now)
        yield* throttle.succeeded("early", ["address:10.0.0.1"])
        yield* TestClock.setTime(now - 50)
        expect(yield* attempt("early")).toBe(0)
        yield* TestClock.setTime(now)
      }))

    it.effect("an attempt during the pause does not lengthen it", () =>
      Effect.gen(function*() {
        yield* Effect.replicateEffect(attempt("b"), 3)
        expect(yield* Effect.replicateEffect(attempt("b"), 3)).toEqual([1, 1, 1])
        yield* TestClock.adjust("1 second")
        expect(yield* attempt("b")).toBe(0)
      }))

    it.effect("many at once are counted one by one", () =>
      Effect.gen(function*() {
        const outcomes = yield* Effect.all(Array.from({ length: 10 }, () => attempt("c", "10.0.0.3")), { concurrency: 10 })
        expect(outcomes.filter((pause) => pause === 0)).toHaveLength(3)
      }))

    it.effect("success forgets the account's failures and takes one from the address", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const throttle = yield* LoginThrottle
        yield* Effect.replicateEffect(attempt("d", "10.0.0.4"), 2)
        yield* throttle.succeeded("d", ["address:10.0.0.4"])
        expect(yield* Effect.replicateEffect(attempt("d", "10.0.0.4"), 4)).toEqual([0, 0, 0, 1])
        expect(yield* sql`SELECT failures FROM login_throttle WHERE throttle_key = 'address:10.0.0.4'`).toEqual([{ failures: 4 }])
      }))

    it.effect("an hour without attempts forgets them, and their rows go", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const throttle = yield* LoginThrottle
        yield* Effect.replicateEffect(attempt("e"), 3)
        yield* TestClock.adjust("61 minutes")
        expect(yield* Effect.replicateEffect(attempt("e"), 4)).toEqual([0, 0, 0, 1])
        yield* TestClock.adjust("61 minutes")
        yield* throttle.prune(1000)
        expect(yield* sql`SELECT * FROM login_throttle`).toEqual([])
      }))
  })
})
