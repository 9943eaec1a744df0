import type { StoredMessage } from "./ChaosDatabase.ts"

export interface Findings {
  /** What must come yet. */
  readonly missing: ReadonlyArray<string>
  /** What must not be, and cannot become right any more. */
  readonly wrong: ReadonlyArray<string>
}

export const expectThat = (list: Array<string>, holds: boolean, say: () => string) => {
  if (!holds) list.push(say())
}

export const show = (row: StoredMessage) =>
  `${row.deviceId} row ${row.id} ${row.messageId} ${row.direction} ${row.status} "${row.content}" attempts ${row.attempts} ${row.failure ?? ""}`
