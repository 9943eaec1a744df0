import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { jsonLine } from "../../src/runtime/Logging.ts"

const lineOf = (effect: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make((options) => {
      lines.push(jsonLine(options))
    })
    yield* Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger))
    return lines[0]!
  })

describe("a line of the log", () => {
  it.effect("begins with time, level and message, which no annotation replaces", () =>
    Effect.gen(function*() {
      const line = yield* lineOf(Effect.annotateLogs(Effect.logWarning("halo"), { deviceId: "d1", level: "none", time: "never" }))
      expect(Object.keys(JSON.parse(line))).toEqual(["time", "level", "message", "deviceId"])
      expect(JSON.parse(line)).toMatchObject({ level: "WARN", message: "halo", time: expect.stringMatching(/Z$/) })
    }))

  it.effect("is one JSON object of bounded length, however long its parts are", () =>
    Effect.gen(function*() {
      const long = "x".repeat(1_000_000)
      const line = yield* lineOf(Effect.annotateLogs(Effect.logError(long), { long }))
      expect(line.length).toBeLessThan(20_000)
      expect(JSON.parse(line).level).toBe("ERROR")
    }))
})
