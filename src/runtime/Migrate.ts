import { Console, Effect } from "effect"
import * as Database from "../sql/database/Database.ts"
import * as Migrations from "../sql/migrations/Migrations.ts"

/** Brings the tables up to date and says what it did. */
export const migrate = Effect.gen(function*() {
  const done = yield* Migrations.run
  yield* Console.log(done.length === 0 ? "The database is up to date." : `Done: ${done.join(", ")}.`)
}).pipe(Effect.provide(Database.layer))
