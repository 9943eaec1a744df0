import { it } from "@effect/vitest"
import { Duration, Effect, Layer, TestClock } from "effect"
import { expect } from "vitest"
import { IdempotencyKeys } from "../../src/sql/outbox/IdempotencyKeys.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, makeDevice, world } from "./world.ts"

describeDatabases("IdempotencyKeys", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(IdempotencyKeys.layer), world(database)), { timeout: 60_000 })((it) => {
    it.effect("old ones are forgotten, young ones are not", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const keys = yield* IdempotencyKeys
        const send = (idempotencyKey: string) => outbox.accept({ deviceId, to: ani, text: "halo", idempotencyKey, requestHash: "h" })
        yield* send("old")
        yield* TestClock.adjust("2 days")
        yield* send("young")
        const age = Duration.days(1)
        expect(yield* keys.forget(age)).toBe(false)
        expect(yield* keys.forget(age)).toBe(false)
        expect((yield* send("young")).replayed).toBe(true)
        expect((yield* send("old")).replayed).toBe(false)
        yield* TestClock.adjust("2 days")
        yield* keys.forget(age)
        expect((yield* send("young")).replayed).toBe(false)
      }))
  })
})
