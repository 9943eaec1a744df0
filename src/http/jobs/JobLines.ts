import { Effect, Either } from "effect"
import { createHash } from "node:crypto"
import type { BadLine } from "../../domain/Job.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Recipient } from "../../sql/jobs/JobIntake.ts"
import type { Entry } from "./ListReader.ts"

export const mostRecipients = 100_000
const mostLinesNamed = 100
const rowsAtOnce = 500

/** The recipients of a job as they come: counted, told apart, and handed on in pieces to be kept. */
export class JobLines {
  /** all that is wrong; the first hundred are named */
  problemCount = 0
  readonly problems: Array<BadLine> = []
  /** the line of each recipient, by his position */
  readonly lines: Array<number> = []
  duplicates = 0
  /** the first hundred, as also of those with words of their own */
  readonly duplicateLines: Array<number> = []
  readonly ownWords: Array<number> = []
  private readonly seen = new Set<string>()
  private waiting: Array<Recipient> = []

  private readonly keep: (recipients: ReadonlyArray<Recipient>) => Effect.Effect<void, StorageUnavailable>

  constructor(keep: (recipients: ReadonlyArray<Recipient>) => Effect.Effect<void, StorageUnavailable>) {
    this.keep = keep
  }

  refuse(problem: BadLine): void {
    this.problemCount += 1
    if (this.problems.length < mostLinesNamed) this.problems.push(problem)
  }

  /** Duplicates are an error. */
  refuseDuplicates(): void {
    for (const line of this.duplicateLines) this.refuse({ line, field: "to", message: "the same message was there before" })
    this.problemCount += this.duplicates - this.duplicateLines.length
  }

  take(entries: ReadonlyArray<Entry>): Effect.Effect<void, StorageUnavailable> {
    for (const each of entries) this.add(each)
    return this.waiting.length >= rowsAtOnce ? this.flush : Effect.void
  }

  readonly flush: Effect.Effect<void, StorageUnavailable> = Effect.suspend(() => {
    const full = this.waiting
    this.waiting = []
    // one that is refused need not be kept
    return this.problemCount > 0 || full.length === 0 ? Effect.void : this.keep(full)
  })

  private add({ entry, line }: Entry): void {
    if (Either.isLeft(entry)) return this.refuse({ line, ...entry.left })
    const { hasOwnWords, recipient, variables } = entry.right
    const print = createHash("sha1").update(recipient).update(JSON.stringify(Object.entries(variables).toSorted())).digest("base64")
    if (this.seen.has(print)) {
      this.duplicates += 1
      if (this.duplicateLines.length < mostLinesNamed) this.duplicateLines.push(line)
      return
    }
    this.seen.add(print)
    if (this.lines.length >= mostRecipients) return this.refuse({ line, field: "messages", message: `at most ${mostRecipients} are expected` })
    if (hasOwnWords && this.ownWords.length < mostLinesNamed) this.ownWords.push(line)
    this.waiting.push({ position: this.lines.length, recipient, variables })
    this.lines.push(line)
  }
}
