import { parseJson } from "../edge/WellFormedJson.ts"

/**
 * Reads `{ …, "messages": [ …, … ], … }` as it comes: the entries of the list one by one, and the rest at the end. What is held
 * of it is one entry and the rest. Throws `SyntaxError` where it is no JSON.
 */
export class JsonList {
  /** everything but the entries */
  private rest = ""
  private entry = ""
  private state: "rest" | "list" = "rest"
  private depth = 0
  private inString = false
  private escaped = false
  private text = ""
  private key: string | undefined
  private lists = 0
  private afterComma = false

  private readonly names: ReadonlySet<string>
  private readonly longest: number

  /** `names`: those that the list may have; `longest`: characters of one entry, or of the rest */
  constructor(names: ReadonlySet<string>, longest: number) {
    this.names = names
    this.longest = longest
  }

  /** The entries that end in this piece, as JSON. */
  push(piece: string): Array<unknown> {
    const entries: Array<unknown> = []
    let start = 0
    const take = (end: number) => {
      if (this.state === "list") this.entry += piece.slice(start, end)
      else this.rest += piece.slice(start, end)
      start = end
      if (this.entry.length > this.longest || this.rest.length > this.longest) throw new SyntaxError("an entry is too long")
    }
    const close = (end: number) => {
      take(end)
      start = end
      if (this.entry.trim() !== "") entries.push(parseJson(this.entry))
      else if (piece[end] === "," || this.afterComma) throw new SyntaxError("an entry is empty")
      this.entry = ""
      this.afterComma = piece[end] === ","
    }
    for (let at = 0; at < piece.length; at++) {
      const char = piece[at]!
      if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (char === "\\") this.escaped = true
        else if (char === "\"") this.inString = false
        else if (this.state === "rest" && this.depth === 1 && this.text.length < 64) this.text += char
        continue
      }
      switch (char) {
        case "\"":
          this.inString = true
          this.text = ""
          break
        case ":":
          if (this.depth === 1) this.key = this.text
          break
        case "{":
          this.depth += 1
          break
        case "[":
          this.depth += 1
          if (this.state === "rest" && this.depth === 2 && this.key !== undefined && this.names.has(this.key)) {
            take(at + 1)
            if (++this.lists > 1) throw new SyntaxError("there is more than one list")
            this.state = "list"
          }
          break
        case "}":
          this.depth -= 1
          break
        case "]":
          this.depth -= 1
          if (this.state === "list" && this.depth === 1) {
            close(at)
            this.state = "rest"
            this.key = undefined
          }
          break
        case ",":
          if (this.state === "list" && this.depth === 2) {
            close(at)
            start = at + 1
          } else if (this.depth === 1) this.key = undefined
          break
      }
    }
    take(piece.length)
    return entries
  }

  /** The object with an empty list in the place of the entries. */
  end(): unknown {
    if (this.state === "list") throw new SyntaxError("the list does not end")
    return parseJson(this.rest)
  }
}
