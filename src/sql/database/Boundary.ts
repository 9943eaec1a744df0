import { SqlError } from "@effect/sql/SqlError"
import { Effect, ParseResult, Schedule } from "effect"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { isConflict } from "./Dialect.ts"

type Internal = SqlError | ParseResult.ParseError

/** A repository's edge: the database's failure is {@link StorageUnavailable}, a row that is not as it should be dies. */
export const atBoundary = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchAll(effect, (error): Effect.Effect<never, Exclude<E, Internal> | StorageUnavailable> => {
    if (error instanceof SqlError) return new StorageUnavailable({ cause: error })
    if (ParseResult.isParseError(error)) return Effect.die(error)
    // TypeScript does not narrow a type parameter
    return Effect.fail(error as Exclude<E, Internal>)
  })

const conflictPause = Schedule.exponential("10 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(7)))

/**
 * Tries again what lost against another transaction. Only for a whole transaction that touches nothing but the database:
 * it has been rolled back, and runs from its beginning.
 */
export const retryConflicts = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, {
    while: isConflict,
    schedule: conflictPause
  })
