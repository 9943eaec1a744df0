import { Duration, Effect, Layer, Predicate, Schedule } from "effect"
import { StorageUnavailable } from "../domain/Storage.ts"
import { shutdownTimeout } from "../http/HttpListener.ts"
import { isConflict } from "../sql/database/Dialect.ts"
import { MigrationFailed } from "../sql/migrations/Migrations.ts"
import { announce } from "./Announce.ts"
import { Service } from "./Services.ts"

/** Somebody else is busy with the database, such as a backup: that passes. That it cannot be reached at all is told at once. */
const passes = (error: unknown) =>
  (error instanceof StorageUnavailable && !Predicate.isTagged(error.cause, "DatabaseUnreachable")) ||
  (error instanceof MigrationFailed && isConflict(error.cause))

const patience = Schedule.spaced("1 second").pipe(
  Schedule.upTo("1 minute"),
  Schedule.whileInput(passes),
  Schedule.tapInput((error: unknown) => passes(error) ? Effect.logWarning("The start waits for the database", error) : Effect.void)
)

/**
 * What comes after the requests: last acks, closing connections, writing what is left. A stop that takes longer is ended by
 * force: something hangs, and the next start takes up what it left.
 */
const closeWithin = Duration.seconds(13)

/** From the first signal on: a second one, or the end of patience, ends the process at once. */
const endByForce = (stopWithin: Duration.Duration) => () => {
  process.once("SIGTERM", () => process.exit(1)).once("SIGINT", () => process.exit(1))
  setTimeout(() => {
    process.stderr.write(`The stop did not end within ${Duration.format(stopWithin)} and is ended by force; the next start takes up what it left.\n`)
    process.exit(1)
  }, Duration.toMillis(stopWithin)).unref()
}

const boundStop = Effect.map(shutdownTimeout, (requestsWithin) => {
  const end = endByForce(Duration.sum(requestsWithin, closeWithin))
  process.once("SIGTERM", end).once("SIGINT", end)
})

/** Runs until a signal comes, then stops in order. */
export const serve = Effect.zipRight(
  boundStop,
  // nobody collects the spans, and making them costs a tenth of a message
  Effect.withTracerEnabled(Layer.launch(Layer.provide(Layer.effectDiscard(announce), Layer.retry(Service, patience))), false)
)
