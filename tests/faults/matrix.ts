import { connection } from "./connection.ts"
import { database } from "./database.ts"
import { frames } from "./frames.ts"
import { killed } from "./killed.ts"
import { receiving } from "./receiving.ts"
import type { Row } from "./Row.ts"
import { sending } from "./sending.ts"
import { stopping } from "./stopping.ts"

/** Every fault, in the order of the table; their worlds are independent of it. */
export const matrix: ReadonlyArray<Row> = [...sending, ...killed, ...connection, ...frames, ...receiving, ...database, ...stopping].toSorted((a, b) =>
  Number.parseInt(a.row) - Number.parseInt(b.row) || a.row.localeCompare(b.row))
