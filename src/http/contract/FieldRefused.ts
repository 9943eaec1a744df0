import { HttpApiError } from "@effect/platform"
import { Effect, ParseResult, Schema } from "effect"

/** What only a look at the data tells to be wrong, as the answer to a field that does not fit its schema. */
export const fieldRefused = (field: string, message: string) =>
  Effect.catchAll(
    ParseResult.fail(new ParseResult.Pointer([field], null, new ParseResult.Type(Schema.Unknown.ast, null, message))),
    (issue) => HttpApiError.HttpApiDecodeError.refailParseError(ParseResult.parseError(issue))
  )
