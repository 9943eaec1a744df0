import { SqlClient } from "@effect/sql"
import { Clock, Effect } from "effect"

/** A database may answer every question and take no write: its disk is full, it is locked, or it is somebody's replica. */
export const makeWriteProbe = Effect.map(SqlClient.SqlClient, (sql) =>
  sql.onDialectOrElse({
    // the lock of the row that every event needs
    mysql: () => Effect.asVoid(sql`UPDATE event_counter SET last_event_id = last_event_id WHERE id = 1`),
    // SQLite writes nothing where nothing changes; this number means nothing to anyone
    orElse: () =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.asVoid(sql.unsafe(`PRAGMA user_version = ${Math.trunc(now / 100) % 2 ** 31}`).unprepared))
  }))
