import { describe, expect, it } from "vitest"
import { fill, fillText, placeholdersOf } from "../../src/domain/ContentTemplate.ts"

describe("a template", () => {
  it("takes values by their names, and leaves alone what it has none for", () => {
    expect(fillText("Halo {{name}}, {{ nomor_1 }} {{x}} {name}", { name: "Ani", nomor_1: "7" })).toBe("Halo Ani, 7 {{x}} {name}")
  })

  it("does not look into values", () => {
    expect(fillText("{{a}}{{b}}", { a: "{{b}}", b: "$& $1" })).toBe("{{b}}$& $1")
    expect(fillText("{{constructor}} {{__proto__}}", {})).toBe("{{constructor}} {{__proto__}}")
  })

  it("knows what it needs, in every text of it", () => {
    expect(placeholdersOf({ _tag: "Text", text: "{{a}} {{b}} {{a}}", mentions: [], preview: null })).toEqual(["a", "b"])
    const poll = { _tag: "Poll", name: "{{a}}?", options: ["{{b}}", "c"], selectable: 1 } as const
    expect(placeholdersOf(poll)).toEqual(["a", "b"])
    expect(fill(poll, { a: "1", b: "2" })).toMatchObject({ name: "1?", options: ["2", "c"] })
  })
})
