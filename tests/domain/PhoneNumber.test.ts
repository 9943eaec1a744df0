import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Option, Schema } from "effect"
import fc from "fast-check"
import { parsePhoneNumber, PhoneNumberFromInput } from "../../src/domain/PhoneNumber.ts"

const parse = (input: string, country?: string) => Option.getOrNull(parsePhoneNumber(input, country))

describe("PhoneNumber", () => {
  it.each([
    ["+62 812-3456-7890", "6281234567890"],
    ["0062 812 3456 7890", "6281234567890"],
    ["6281234567890", "6281234567890"],
    ["62 (812) 3456.7890", "6281234567890"],
    ["(+62) 812 3456 7890", "6281234567890"],
    ["+62 0812-3456-7890", "6281234567890"],
    ["  +1 (202) 555-0143 ", "12025550143"],
    ["6281234567890@s.whatsapp.net", "6281234567890"],
    ["6281234567890@c.us", "6281234567890"],
    ["６２８１２３４５６７８９０", "6281234567890"]
  ])("reads %s", (written, expected) => expect(parse(written)).toBe(expected))

  it.each(["", " ", "abc", "62812", "+", "0", "081234567890", "12345678901234567", "62812x34567890", "6281234567890@lid", "+62+812345678", "--------"])(
    "refuses %j",
    (written) => expect(parse(written)).toBeNull()
  )

  it("reads the national form where the country is known", () => expect(parse("0812-3456-7890", "ID")).toBe("6281234567890"))

  it("answers any text with digits or nothing, and its own answers with themselves", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+0-9 ()-]{0,24}$/)), (text) => {
      const phone = parse(text)
      if (phone === null) return
      expect(phone).toMatch(/^[1-9]\d{6,14}$/)
      expect(parse(phone)).toBe(phone)
      expect(parse(`+${phone}`)).toBe(phone)
    }))
  })

  it.effect("says what is expected when it cannot be decoded", () =>
    Effect.gen(function*() {
      const error = yield* Schema.decode(PhoneNumberFromInput)("not a number").pipe(Effect.flip)
      expect(error.message).toContain("a phone number with country code is expected")
      expect(Either.isRight(Schema.decodeEither(PhoneNumberFromInput)("+62 812 3456 7890"))).toBe(true)
    }))
})
