import { SqlClient } from "@effect/sql"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Exit, Option, Scope } from "effect"

/**
 * The library's `withTransaction` dies when a COMMIT or ROLLBACK fails: a lost link would then look like a bug of ours, and
 * SQLite's only connection would stay inside a transaction for ever after a full disk. Here a failed COMMIT is an
 * `SqlError`, and a failed ROLLBACK of the whole transaction is none: what cannot be rolled back is gone already.
 */
export const makeWithTransaction = (sql: SqlClient.SqlClient, begin: string): SqlClient.SqlClient["withTransaction"] =>
(effect) =>
  Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (open) =>
    Option.match(open, {
      onNone: () => outermost(sql, begin, effect),
      onSome: ([connection, depth]) => nested(connection, depth + 1, effect)
    }))

/**
 * SQLite's driver throws when a statement cannot be prepared. With a code of SQLite's it is the database's failure, for instance
 * a file that cannot be read; without, such as after the end of the connection, nobody needs to wait for it to pass.
 */
const run = (connection: Connection, statement: string) =>
  Effect.suspend(() => {
    try {
      return connection.executeUnprepared(statement, [], undefined)
    } catch (cause) {
      if (cause instanceof Error && "code" in cause) {
        return Effect.fail(new SqlError({ cause, message: `Failed to execute ${statement}` }))
      }
      throw cause
    }
  })

const within = <A, E, R>(effect: Effect.Effect<A, E, R>, connection: Connection, depth: number) =>
  Effect.mapInputContext(effect, (context: Context.Context<R>) =>
    Context.add(context, SqlClient.TransactionConnection, [connection, depth] as const))

const outermost = <A, E, R>(sql: SqlClient.SqlClient, begin: string, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) =>
      Effect.uninterruptibleMask((restore): Effect.Effect<A, E | SqlError, R> =>
        Effect.flatMap(restore(Scope.extend(sql.reserve, scope)), (connection) => {
          const rollback = Effect.ignore(run(connection, "ROLLBACK"))
          return run(connection, begin).pipe(
            Effect.zipRight(Effect.exit(restore(within(effect, connection, 0)))),
            Effect.flatMap(Exit.matchEffect({
              onFailure: (cause) => Effect.zipRight(rollback, Effect.failCause(cause)),
              onSuccess: (value) => run(connection, "COMMIT").pipe(Effect.tapError(() => rollback), Effect.as(value))
            }))
          )
        })
      ),
    Scope.close
  ).pipe(
    Effect.catchSomeDefect((defect) => defect instanceof SqlError ? Option.some(Effect.fail(defect)) : Option.none())
  )

/**
 * A savepoint that is gone means that the database has rolled back the whole transaction. What would be written after it would
 * be outside of any: so it is a defect, which nobody catches, until the outermost transaction makes it an error again.
 */
const nested = <A, E, R>(connection: Connection, depth: number, effect: Effect.Effect<A, E, R>) =>
  Effect.uninterruptibleMask((restore): Effect.Effect<A, E | SqlError, R> =>
    run(connection, `SAVEPOINT nested_${depth}`).pipe(
      Effect.zipRight(Effect.exit(restore(within(effect, connection, depth)))),
      Effect.flatMap(Exit.matchEffect({
        onFailure: (cause) =>
          Effect.zipRight(
            Effect.orDie(run(connection, `ROLLBACK TO SAVEPOINT nested_${depth}`)),
            Effect.failCause(cause)
          ),
        onSuccess: Effect.succeed
      }))
    )
  )
