import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CsvList } from "../../src/http/jobs/CsvList.ts"
import { JsonList } from "../../src/http/jobs/JsonList.ts"

/** The text in pieces, cut at these places. */
const pieces = (text: string, cuts: ReadonlyArray<number>) => {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].toSorted((a, b) => a - b)
  return places.slice(1).map((end, index) => text.slice(places[index], end))
}
const readJson = (parts: ReadonlyArray<string>) => {
  const list = new JsonList(new Set(["messages", "recipients"]), 100_000)
  const entries = parts.flatMap((part) => list.push(part))
  return { entries, rest: list.end() }
}
const readCsv = (parts: ReadonlyArray<string>) => {
  const list = new CsvList(100_000)
  return [...parts.flatMap((part) => list.push(part)), ...list.end()]
}
const quoted = (text: string) => `"${text.replaceAll("\"", "\"\"")}"`
const cuts = fc.array(fc.nat(), { maxLength: 8 })

describe("a JSON list", () => {
  it("is read as JSON.parse reads it, however it is cut", () => {
    fc.assert(fc.property(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.dictionary(fc.string().filter((name) => name !== "messages" && name !== "recipients" && name !== "__proto__"), fc.jsonValue(), { maxKeys: 4 }),
      fc.boolean(),
      fc.constantFrom(0, 2),
      cuts,
      (messages, others, first, indent, at) => {
        const text = JSON.stringify(first ? { messages, ...others } : { ...others, messages }, null, indent)
        const { entries, rest } = readJson(pieces(text, at))
        expect(entries).toEqual(JSON.parse(JSON.stringify(messages)))
        expect(rest).toEqual({ ...JSON.parse(JSON.stringify(others)), messages: [] })
      }
    ))
  })

  it.each([
    "", "{", "[1]x", "{\"messages\":[1,]}", "{\"messages\":[,1]}", "{\"messages\":[1 2]}", "{\"messages\":[1]", "{\"messages\":[{]}}",
    "{\"messages\":[1],\"recipients\":[2]}", "{\"messages\":[1]} x"
  ])("refuses %s", (text) => {
    expect(() => readJson([text])).toThrow(SyntaxError)
  })

  it("holds no more than one entry", () => {
    const list = new JsonList(new Set(["messages"]), 1000)
    list.push("{\"messages\":[\"")
    expect(() => list.push("x".repeat(2000))).toThrow(SyntaxError)
  })
})

describe("a CSV list", () => {
  const field = fc.string({ unit: "grapheme" }).map((text) => text.trim())

  it("is read as it was written, however it is cut", () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(field, field), { maxLength: 5 }),
      fc.constantFrom(",", ";"),
      fc.constantFrom("\n", "\r\n"),
      cuts,
      (rows, separator, end, at) => {
        const text = [["to", "name"], ...rows].map((row) => row.map(quoted).join(separator)).join(end)
        const lines = readCsv(pieces(text, at))
        expect(lines.map(({ fields }) => [fields["to"], fields["name"]])).toEqual(rows.filter((row) => row.some((text) => text !== "")))
      }
    ))
  })

  it("counts lines as an editor does", () => {
    const lines = readCsv(["\uFEFFto,message\n1,\"a\nb\"\n\n2,c"])
    expect(lines).toEqual([
      { line: 2, fields: { to: "1", message: "a\nb" } },
      { line: 5, fields: { to: "2", message: "c" } }
    ])
  })

  it.each(["to,to\n1,2", "to,name\n1,\"x"])("refuses %s", (text) => {
    expect(() => readCsv([text])).toThrow(SyntaxError)
  })
})
