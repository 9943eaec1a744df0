import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect } from "effect"
import { duration, wholeNumber } from "../../src/domain/Settings.ts"

const given = (value: string) => Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["X", value]])))

describe("settings", () => {
  it.effect.each([["15m", 900_000], ["15 minutes", 900_000], ["24h", 86_400_000], ["90", 90_000], ["50ms", 50]] as const)(
    "%s is a time",
    ([text, millis]) =>
      Effect.map(duration("X", "1 second").pipe(given(text)), (time) => expect(Duration.toMillis(time)).toBe(millis))
  )

  it.effect.each(["soon", "-5s", "0", "1.5h", ""])("%j is none, and the error names the variable", (text) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(duration("X", "1 second").pipe(given(text)))
      expect(String(error)).toContain("X")
    }))

  it.effect.each(["0", "11", "-1", "1.5", "1e1", "x"])("%s is no whole number from 1 to 10", (text) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(wholeNumber("X", { from: 1, to: 10, fallback: 5 }).pipe(given(text)))
      expect(String(error)).toContain("a whole number from 1 to 10 is expected")
    }))

  it.effect("what is not set has its default", () =>
    Effect.map(wholeNumber("Y", { from: 1, to: 10, fallback: 5 }).pipe(given("7")), (number) => expect(number).toBe(5)))
})
