import { Config, Context, Effect, Layer } from "effect"

/**
 * How many sockets of this process may be between opening and logged in at once. Hundreds of handshakes at a time would
 * block the event loop, and look like an attack from WhatsApp's side.
 */
export class LoginGate extends Context.Tag("whatsapp-service/LoginGate")<LoginGate, Effect.Semaphore>() {
  static readonly layer = Layer.effect(
    LoginGate,
    Effect.flatMap(
      Config.integer("LOGIN_CONCURRENCY").pipe(
        Config.withDefault(10),
        Config.validate({ message: "LOGIN_CONCURRENCY must be 1 to 100", validation: (n) => n >= 1 && n <= 100 })
      ),
      Effect.makeSemaphore
    )
  )
}
