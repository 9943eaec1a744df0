import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import type { ContactCard } from "../../src/domain/OutgoingContent.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { escapeValue, vCard } from "../../src/domain/VCard.ts"

const card: ContactCard = { name: "Ani", phone: PhoneNumber.make("6281234567890"), organization: null, email: null }

/** Reads a value back as RFC 2426 says. */
const unescape = (value: string) => value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter))
const property = (text: string, name: string) => text.split("\n").find((row) => row.startsWith(`${name}:`))?.slice(name.length + 1)

describe("a vCard", () => {
  it("is what WhatsApp's clients make", () => {
    expect(vCard({ ...card, organization: "Toko, Tbk", email: "ani@toko.id" }).split("\n")).toEqual([
      "BEGIN:VCARD", "VERSION:3.0", "N:;Ani;;;", "FN:Ani", "ORG:Toko\\, Tbk;",
      "TEL;type=CELL;type=VOICE;waid=6281234567890:+6281234567890", "EMAIL;type=INTERNET:ani@toko.id", "END:VCARD"
    ])
  })

  const nasty = fc.string({ unit: fc.constantFrom(..."aé😀;,\\:\n\r\u2028\u0085 \"", "END:VCARD"), minLength: 1, maxLength: 30 })
  it("keeps any name as it is, and no name can add a line or a field", () => {
    fc.assert(
      fc.property(nasty, nasty, (name, organization) => {
        const text = vCard({ ...card, name, organization })
        expect(text.split(/\r\n|[\n\r\u0085\u2028\u2029]/)).toHaveLength(7)
        const lines = name.replaceAll(/\r\n|[\r\u0085\u2028\u2029]/g, "\n")
        expect(unescape(property(text, "FN")!)).toBe(lines)
        expect(property(text, "N")!.split(/(?<!(?:^|[^\\])(?:\\\\)*\\);/)).toHaveLength(5)
        expect(property(text, "N")).toBe(`;${escapeValue(name)};;;`)
      }),
      { numRuns: 500 }
    )
  })
})
