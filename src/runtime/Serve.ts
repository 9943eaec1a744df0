import { Effect, Layer } from "effect"
import { Service } from "./Services.ts"

/** A stop that takes longer than this is ended by force: something hangs, and the next start takes up what it left. */
const stopWithin = 10_000

/** Runs until a signal comes, then stops in order. */
export const serve = Effect.zipRight(
  Effect.sync(() => {
    const force = () => {
      process.once("SIGTERM", () => process.exit(1)).once("SIGINT", () => process.exit(1))
      setTimeout(() => process.exit(1), stopWithin).unref()
    }
    process.once("SIGTERM", force).once("SIGINT", force)
  }),
  Layer.launch(Service)
)
