import { Context, Deferred, Effect, Layer } from "effect"

/** The service is about to stop: it takes no new work, event streams end, readiness says no. */
export class Shutdown extends Context.Tag("whatsapp-service/Shutdown")<Shutdown, {
  readonly begin: Effect.Effect<void>
  /** Completes when it has begun. */
  readonly begun: Effect.Effect<void>
  readonly isDraining: Effect.Effect<boolean>
}>() {
  static readonly layer = Layer.effect(
    Shutdown,
    Effect.map(Deferred.make<void>(), (deferred) =>
      Shutdown.of({
        begin: Effect.asVoid(Deferred.succeed(deferred, undefined)),
        begun: Deferred.await(deferred),
        isDraining: Deferred.isDone(deferred)
      }))
  )
}
