import { Schema } from "effect"

/** A row's id, as a cursor. */
export const RowId = Schema.NumberFromString.pipe(Schema.int(), Schema.between(0, Number.MAX_SAFE_INTEGER))

export const limitOf = (most: number, usual: number) =>
  Schema.optionalWith(Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, most)), { default: () => usual })

/** The pages of administrators' lists; what lies further back is reached by a cursor, or by a narrower filter. */
export const pages = {
  page: Schema.optionalWith(Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, 50)), { default: () => 1 }),
  limit: limitOf(200, 50)
}

/** A path's whole number, as the id of a row. */
export const idOf = <A extends number, R>(id: Schema.Schema<A, number, R>) =>
  Schema.NumberFromString.pipe(Schema.compose(id, { strict: false }))
