import { Effect, Layer, Metric, Runtime } from "effect"

const rejections = Metric.counter("process_unhandled_rejections_total", {
  description: "Promises that were rejected with nobody listening",
  incremental: true
})

/**
 * A promise of a library that nobody listens to must not end the other devices' connections: it is logged and counted.
 * An exception that nobody caught leaves the process in a state that nobody knows: it still ends it.
 */
export const ProcessGuards = Layer.scopedDiscard(
  Effect.gen(function*() {
    yield* Metric.update(rejections, 0)
    const runtime = yield* Effect.runtime<never>()
    const onRejection = (reason: unknown) =>
      Runtime.runFork(runtime)(
        Effect.zipRight(Effect.logError("A promise was rejected with nobody listening", reason), Metric.update(rejections, 1))
      )
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("unhandledRejection", onRejection)),
      () => Effect.sync(() => process.off("unhandledRejection", onRejection))
    )
  })
)
