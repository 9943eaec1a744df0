import { SqlClient } from "@effect/sql"
import type { Fragment } from "@effect/sql/Statement"
import { Effect, Schema } from "effect"
import { makeDialect } from "../database/Dialect.ts"

export interface NewestQuery {
  readonly table: "messages" | "contacts" | "groups"
  /** what `filters` look at */
  readonly columns: string
  /** an index that begins with the columns of `within` and ends with the id; without one, the rows are taken by id */
  readonly index?: string | undefined
  readonly within: ReadonlyArray<Fragment>
  /** conditions that no index answers */
  readonly filters: ReadonlyArray<Fragment>
  /** only rows with a smaller id */
  readonly before?: number | undefined
  readonly offset: number
  readonly limit: number
}

export interface NewestIds {
  readonly ids: ReadonlyArray<number>
  /** among the rows that were looked at */
  readonly total: number
  /** false: there are more rows than were looked at */
  readonly totalIsExact: boolean
  /** the `before` of what follows; null at the end */
  readonly nextCursor: number | null
}

/** How many rows one request looks at, at most: counting, too, has to end in a table that only grows. */
const examinedAtMost = { unfiltered: 10_000, filtered: 2000 }

/** Pages through the newest rows of a table that may be huge, at a cost that does not depend on its size. */
export const makeNewestRows = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect

  return Effect.fnUntraced(function*(query: NewestQuery) {
    const most = query.filters.length === 0 ? examinedAtMost.unfiltered : examinedAtMost.filtered
    // ids alone come out of the index; every other column costs a look at its row, which may be anywhere on the disk
    const columns = sql.literal(query.filters.length === 0 ? "id" : query.columns)
    const examined = sql`SELECT ${columns} FROM ${sql(query.table)}
      ${query.index === undefined ? sql.literal("") : dialect.through(query.index)}
      WHERE ${sql.and([...query.within, sql`id < ${query.before ?? Number.MAX_SAFE_INTEGER}`])}
      ORDER BY id DESC ${dialect.limit(most)}`
    const matches = query.filters.length === 0 ? sql`1 = 1` : sql.and(query.filters)
    const rows = yield* sql`SELECT id FROM (${examined}) AS newest WHERE ${matches}
      ORDER BY id DESC ${dialect.limit(query.limit)} ${sql.literal(`OFFSET ${Math.max(0, Math.trunc(query.offset))}`)}`
    const ids = (yield* decodeIds(rows)).map(({ id }) => id)
    const [counts] = yield* Effect.flatMap(
      sql`SELECT COUNT(*) AS examined, COUNT(CASE WHEN ${matches} THEN 1 END) AS total, MIN(id) AS oldest FROM (${examined}) AS newest`,
      decodeCounts
    )
    const isFull = counts.examined === most
    const within = query.offset + ids.length < counts.total
    const found: NewestIds = {
      ids,
      total: counts.total,
      totalIsExact: !isFull,
      nextCursor: within ? ids.at(-1) ?? null : isFull ? counts.oldest : null
    }
    return found
  })
})

const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))
const decodeCounts = Schema.decodeUnknown(
  Schema.Tuple(Schema.Struct({ examined: Schema.Int, total: Schema.Int, oldest: Schema.NullOr(Schema.Int) }))
)
