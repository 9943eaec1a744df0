import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, TestClock } from "effect"
import type { UserId } from "../../src/domain/User.ts"
import { RefreshTokens } from "../../src/sql/accounts/RefreshTokens.ts"
import { describeDatabases } from "../support/databases.ts"

const userId = 1 as UserId
const soon = Effect.map(DateTime.now, DateTime.add({ seconds: 60 }))
const granted = (tokenHash: string, familyId = `family-${tokenHash}`) =>
  Effect.gen(function*() {
    const tokens = yield* RefreshTokens
    yield* tokens.grant({ userId, familyId, tokenHash, expiresAt: yield* soon })
  })
const rotate = (tokenHash: string, next: string) =>
  Effect.gen(function*() {
    const tokens = yield* RefreshTokens
    return (yield* tokens.rotate(tokenHash, { tokenHash: next, expiresAt: yield* soon }))._tag
  })

describeDatabases("RefreshTokens", (database) => {
  layer(RefreshTokens.layer.pipe(Layer.provideMerge(database.layer)))((it) => {
    it.effect("are good once; a second use ends the family and no other", () =>
      Effect.gen(function*() {
        yield* granted("a1", "a")
        yield* granted("b1", "b")
        expect(yield* rotate("a1", "a2")).toBe("Rotated")
        expect(yield* rotate("a2", "a3")).toBe("Rotated")
        expect(yield* rotate("a1", "a4")).toBe("Reused")
        expect(yield* rotate("a3", "a5")).toBe("Refused")
        expect(yield* rotate("a4", "a6")).toBe("Refused")
        expect(yield* rotate("b1", "b2")).toBe("Rotated")
        expect(yield* rotate("never-granted", "x")).toBe("Refused")
      }))

    it.effect("of many at once with one token a single one gets through", () =>
      Effect.gen(function*() {
        yield* granted("c1", "c")
        const outcomes = yield* Effect.all(Array.from({ length: 6 }, (_, i) => rotate("c1", `c1-${i}`)), { concurrency: 6 })
        expect(outcomes.filter((outcome) => outcome === "Rotated")).toHaveLength(1)
        expect(outcomes.filter((outcome) => outcome === "Reused")).toHaveLength(5)
      }))

    it.effect("are refused after their time, and then removed", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const tokens = yield* RefreshTokens
        yield* granted("d1", "d")
        yield* TestClock.adjust("60 seconds")
        expect(yield* rotate("d1", "d2")).toBe("Refused")
        yield* TestClock.adjust("1 second")
        yield* granted("e1", "e")
        yield* tokens.prune(1000)
        expect(yield* sql`SELECT token_hash FROM refresh_tokens`).toEqual([{ tokenHash: "e1" }])
      }))

    it.effect("of all logins but one are revoked", () =>
      Effect.gen(function*() {
        const tokens = yield* RefreshTokens
        yield* granted("f1", "f")
        yield* granted("g1", "g")
        yield* tokens.revoke(userId, "f")
        expect([yield* rotate("f1", "f2"), yield* rotate("g1", "g2")]).toEqual(["Rotated", "Refused"])
        yield* tokens.revoke(userId)
        expect(yield* rotate("f2", "f3")).toBe("Refused")
      }))
  })
})
