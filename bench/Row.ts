import { type Round, Spread } from "./Measured.ts"

export interface Row {
  readonly what: string
  readonly unit: "ms" | "s" | "KiB" | "MiB" | "×"
  readonly service: Spread
  /** where bare Baileys has the like */
  readonly bare?: Spread
  /** the most that is allowed: times bare Baileys, or a value of the service's own */
  readonly bound?: { readonly ratio: number } | { readonly value: number }
}

/** CPU a message, and the event loop's delay beside it. */
export const cpuRows = (
  what: string,
  messages: number,
  rounds: { readonly service: ReadonlyArray<Round>; readonly bare: ReadonlyArray<Round> },
  bound?: Row["bound"]
): ReadonlyArray<Row> => {
  const spread = (of: (round: Round) => number) => ({
    service: new Spread(rounds.service.map(of)),
    bare: new Spread(rounds.bare.map(of))
  })
  return [
    { what: `CPU per message ${what}`, unit: "ms", ...spread(({ cpu }) => cpu / messages), ...(bound && { bound }) },
    { what: "  event loop delay, p99", unit: "ms", ...spread(({ delayP99 }) => delayP99) }
  ]
}

const columns = ["", "service", "spread", "bare", "spread", "ratio", "bound", ""]

/** Whether the row keeps its bound; undefined if it has none. */
export const holds = ({ bare, bound, service }: Row): boolean | undefined => {
  if (bound === undefined) return undefined
  return "ratio" in bound ? service.median <= bound.ratio * (bare?.median ?? Number.NaN) : service.median <= bound.value
}

export const table = (rows: ReadonlyArray<Row>): string => {
  const cells = [columns, ...rows.map(cellsOf)]
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells
    .map((row) => row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ").trimEnd())
    .join("\n")
}

const cellsOf = (row: Row): ReadonlyArray<string> => {
  const { bare, bound, service, unit } = row
  const range = ({ max, min }: Spread) => max === min ? "" : `${number(min)}–${number(max)}`
  const limit = bound === undefined ? "" : "ratio" in bound ? `≤ ${number(bound.ratio)} × bare` : `≤ ${bound.value} ${unit}`
  const verdict = { true: "holds", false: "MISSES", undefined: "" }[`${holds(row)}`]
  return [
    row.what,
    `${number(service.median)} ${unit}`,
    range(service),
    bare === undefined ? "" : `${number(bare.median)} ${unit}`,
    bare === undefined ? "" : range(bare),
    bare === undefined ? "" : number(service.median / bare.median),
    limit,
    verdict
  ]
}

const number = (value: number) => value.toFixed(value < 10 ? 2 : 1)
