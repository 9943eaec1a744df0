/** A line of a CSV file by its headings; `line` counts from 1, with the headings'. */
export interface CsvLine {
  readonly line: number
  readonly fields: Readonly<Record<string, string>>
}

/**
 * Reads CSV as it comes (RFC 4180; also with semicolons, as spreadsheets of many countries write it). Empty lines are left out.
 * Throws `SyntaxError` where it is none.
 */
export class CsvList {
  private headings: ReadonlyArray<string> | undefined
  private separator = ","
  private line = 1
  private begun = 1
  private fields: Array<string> = []
  private field = ""
  private quoted = false
  /** a quote within quotes: the end, or one of two */
  private half = false

  private readonly longest: number

  /** `longest`: characters of one field */
  constructor(longest: number) {
    this.longest = longest
  }

  /** How far it has come. */
  get lines() {
    return this.line
  }

  push(piece: string): Array<CsvLine> {
    const lines: Array<CsvLine> = []
    for (const char of this.line === 1 && this.headings === undefined ? piece.replace(/^\uFEFF/, "") : piece) {
      if (this.half) {
        this.half = false
        if (char === "\"") {
          this.field += char
          continue
        }
        this.quoted = false
      }
      if (this.quoted) {
        if (char === "\"") this.half = true
        else this.field += char
        if (char === "\n") this.line += 1
      } else if (char === "\"" && this.field === "") this.quoted = true
      else if (char === "\n") {
        this.line += 1
        this.endLine(lines)
      } else if (this.headings === undefined && this.fields.length === 0 && char === ";") this.separate(";")
      else if (char === this.separator) this.separate(char)
      else if (char !== "\r") this.field += char
      if (this.field.length > this.longest) throw new SyntaxError("a field is too long")
    }
    return lines
  }

  end(): Array<CsvLine> {
    if (this.quoted && !this.half) throw new SyntaxError("a quotation does not end")
    const lines: Array<CsvLine> = []
    this.endLine(lines)
    return lines
  }

  private separate(char: string) {
    this.separator = char
    this.fields.push(this.field)
    this.field = ""
    if (this.fields.length > 200) throw new SyntaxError("there are too many columns")
  }

  private endLine(lines: Array<CsvLine>) {
    const fields = [...this.fields, this.field].map((field) => field.trim())
    const line = this.begun
    this.fields = []
    this.field = ""
    this.quoted = false
    this.half = false
    this.begun = this.line
    if (fields.every((field) => field === "")) return
    const { headings } = this
    if (headings === undefined) {
      if (new Set(fields).size < fields.length) throw new SyntaxError("two columns have the same heading")
      this.headings = fields
    } else {
      lines.push({ line, fields: Object.fromEntries(fields.map((value, index) => [headings[index] ?? "", value])) })
    }
  }
}
