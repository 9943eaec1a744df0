import { Schema } from "effect"

/** A whole number of a path or a query, which the documentation shows as one. */
const wholeOf = (least: number, most: number, shown: object = {}) =>
  Schema.NumberFromString.pipe(Schema.int(), Schema.between(least, most)).annotations({
    jsonSchema: { type: "integer", minimum: least, maximum: most, ...shown }
  })

/** A row's id, as a cursor. */
export const RowId = wholeOf(0, Number.MAX_SAFE_INTEGER)

export const limitOf = (most: number, usual: number) =>
  Schema.optionalWith(wholeOf(1, most, { default: usual }), { default: () => usual })

/** One page of a list, and the cursor of the next one. */
export const pageOf = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.Struct({
    items: Schema.Array(item),
    nextCursor: Schema.NullOr(Schema.Int),
    hasMore: Schema.Boolean
  })

/** Of `limit` rows and one more, if there is one. */
export const page = <A>(found: ReadonlyArray<A>, limit: number, cursorOf: (last: A) => number) => {
  const items = found.slice(0, limit)
  const hasMore = found.length > limit
  return { items, nextCursor: hasMore ? cursorOf(items.at(-1)!) : null, hasMore }
}

/** The pages of administrators' lists; what lies further back is reached by a cursor, or by a narrower filter. */
export const pages = {
  page: Schema.optionalWith(wholeOf(1, 50, { default: 1 }), { default: () => 1 }),
  limit: limitOf(200, 50)
}

/** A path's whole number, as the id of a row. */
export const idOf = <A extends number, R>(id: Schema.Schema<A, number, R>) =>
  Schema.NumberFromString.pipe(Schema.compose(id, { strict: false })).annotations({ jsonSchema: { type: "integer", minimum: 1 } })

/** A choice of a query. */
export const Flag = Schema.transformLiterals(["true", true], ["false", false]).annotations({ jsonSchema: { type: "boolean" } })
