import type { World } from "./World.ts"

/** One fault, what is expected of the service, and how to see it. */
export interface Row {
  /** the number in the fault matrix; several rows may prove one of its lines */
  readonly row: string
  readonly fault: string
  readonly expected: string
  /** part of every test run, on both databases or on one; the others only of `npm run test:faults` */
  readonly short?: true | "SQLite" | "MySQL"
  /** the fault cannot be aimed at one device: nothing else runs in its world meanwhile */
  readonly alone?: true
  /** the fault needs this database */
  readonly only?: "SQLite" | "MySQL"
  readonly run: (world: World) => Promise<Seen>
}

export interface Seen {
  readonly seen: string
  /** milliseconds from the fault to the state before it */
  readonly recovery?: number
}
