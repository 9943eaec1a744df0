import { Context, Effect, Layer } from "effect"
import { wholeNumber } from "../domain/Settings.ts"

/**
 * How many sockets of this process may be between opening and logged in at once. Hundreds of handshakes at a time would
 * block the event loop, and look like an attack from WhatsApp's side.
 */
export class LoginGate extends Context.Tag("whatsapp-service/LoginGate")<LoginGate, Effect.Semaphore>() {
  static readonly layer = Layer.effect(
    LoginGate,
    Effect.flatMap(wholeNumber("LOGIN_CONCURRENCY", { from: 1, to: 100, fallback: 10 }), Effect.makeSemaphore)
  )
}
