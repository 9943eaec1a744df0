import { writeFileSync } from "node:fs"
import type { Row, Seen } from "./Row.ts"

export interface Result {
  readonly row: Row
  readonly database: string
  readonly outcome: Seen | Error
}

const seconds = (millis: number | undefined) => (millis === undefined ? "" : `${(millis / 1000).toFixed(1)} s`)
const oneLine = (text: string) => text.split("\n")[0]!.replaceAll("|", "\\|").slice(0, 160)

/** What was seen, fault by fault, as a Markdown table. */
export const table = (results: ReadonlyArray<Result>): string => {
  const databases = [...new Set(results.map(({ database }) => database))]
  const rows = [...new Set(results.map(({ row }) => row))]
  const cells = ({ outcome }: Result) =>
    outcome instanceof Error ? [`**fails**: ${oneLine(outcome.message)}`, ""] : [oneLine(outcome.seen), seconds(outcome.recovery)]
  const lines = rows.map((row) => {
    const own = results.filter((result) => result.row === row).toSorted((a, b) => a.database.localeCompare(b.database))
    const seen = own.map((result) => ({ database: result.database, text: cells(result)[0]!, took: cells(result)[1]! }))
    const same = seen.every(({ text }) => text === seen[0]!.text)
    const where = (database: string) => (seen.length < databases.length || !same ? `${database}: ` : "")
    return [
      row.row,
      row.fault,
      row.expected,
      same ? where(seen[0]!.database) + seen[0]!.text : seen.map(({ database, text }) => `${where(database)}${text}`).join("; "),
      seen.map(({ took }) => took).filter((took) => took !== "").join(" / ")
    ]
  })
  const head = ["row", "fault", "expected", "seen", `time to recover (${databases.toSorted().join(" / ")})`]
  return [head, head.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n")
}

/** To the terminal, and to the file that `FAULTS_REPORT` names. */
export const report = (results: ReadonlyArray<Result>): void => {
  const text = table(results)
  process.stdout.write(`\n${text}\n`)
  const file = process.env["FAULTS_REPORT"]
  if (file !== undefined && file !== "") writeFileSync(file, `${text}\n`)
}
