import { Effect, Layer } from "effect"
import { announce } from "./Announce.ts"
import { Service } from "./Services.ts"

/** A stop that takes longer than this is ended by force: something hangs, and the next start takes up what it left. */
const stopWithin = 10_000

/** From the first signal on: a second one, or the end of patience, ends the process at once. */
const endByForce = () => {
  process.once("SIGTERM", () => process.exit(1)).once("SIGINT", () => process.exit(1))
  setTimeout(() => process.exit(1), stopWithin).unref()
}

/** Runs until a signal comes, then stops in order. */
export const serve = Effect.zipRight(
  Effect.sync(() => process.once("SIGTERM", endByForce).once("SIGINT", endByForce)),
  // nobody collects the spans, and making them costs a tenth of a message
  Effect.withTracerEnabled(Layer.launch(Layer.provide(Layer.effectDiscard(announce), Service)), false)
)
