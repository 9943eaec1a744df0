import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc, Schema } from "effect"
import { OutgoingContent, StoredContent, storeContent } from "../../src/domain/OutgoingContent.ts"

const decode = Schema.decodeUnknownEither(StoredContent)
// JSON has no negative zero
const arbitrary = Arbitrary.make(OutgoingContent).filter((content) =>
  content._tag !== "Location" || (!Object.is(content.latitude, -0) && !Object.is(content.longitude, -0) &&
    Number.isFinite(content.latitude) && Number.isFinite(content.longitude))
)

describe("what waits in the outbox", () => {
  it("is read as it was written, whatever it is", () => {
    fc.assert(
      fc.property(arbitrary, (content) => {
        const read = Either.getOrThrow(decode(storeContent(content)))
        expect(read).toEqual({ version: 1, content })
      }),
      { numRuns: 300 }
    )
  })

  it("is not guessed at when a later version has written it", () => {
    expect(Either.isLeft(decode(JSON.stringify({ version: 2, content: { _tag: "Delete" } })))).toBe(true)
    expect(Either.isLeft(decode("{"))).toBe(true)
  })
})
