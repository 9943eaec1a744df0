import { describe, expect, it } from "vitest"
import { makeHearing } from "../../src/whatsapp/socket/Hearing.ts"

describe("Hearing", () => {
  it("counts how long messages wait while none is dealt with", async () => {
    let now = 1000
    const { deafFor, message } = makeHearing(() => now)
    expect(deafFor()).toBe(0)
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    now = 5000
    message(first.promise)
    now = 6000
    message(second.promise)
    expect(deafFor()).toBe(1000)
    now = 20_000
    expect(deafFor()).toBe(15_000)
    second.reject(new Error("not readable"))
    await second.promise.catch(() => undefined)
    expect(deafFor()).toBe(0)
    now = 25_000
    expect(deafFor()).toBe(5000)
    first.resolve()
    await first.promise
    expect(deafFor()).toBe(0)
    now = 100_000
    expect(deafFor()).toBe(0)
  })
})
