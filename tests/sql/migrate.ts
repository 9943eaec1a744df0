import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as Database from "../../src/sql/database/Database.ts"
import * as Migrations from "../../src/sql/migrations/Migrations.ts"

// a process of its own that migrates the database of its environment, and prints what it did
Migrations.run.pipe(
  Effect.flatMap((done) => Effect.sync(() => process.stdout.write(`\nDONE ${JSON.stringify(done)}\n`))),
  Effect.provide(Database.layer),
  NodeRuntime.runMain({ disablePrettyLogger: true })
)
