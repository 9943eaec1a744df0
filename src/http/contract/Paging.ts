import { Schema } from "effect"

/** A row's id, as a cursor. */
export const RowId = Schema.NumberFromString.pipe(Schema.int(), Schema.between(0, Number.MAX_SAFE_INTEGER))

export const limitOf = (most: number, usual: number) =>
  Schema.optionalWith(Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, most)), { default: () => usual })
