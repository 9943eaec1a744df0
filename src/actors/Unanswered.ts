import { Effect, Predicate } from "effect"
import { WhatsAppUnanswered } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { QueryFailed } from "../whatsapp/WhatsApp.ts"

/** Why WhatsApp did not answer is for the log; who asked is told that it did not. */
export const orUnanswered = (deviceId: DeviceId) => <A, E>(question: Effect.Effect<A, E | QueryFailed>) =>
  Effect.catchIf(question, isQueryFailed, (failed) =>
    Effect.zipRight(
      Effect.logWarning(`WhatsApp did not answer: ${failed.query}`, failed.cause),
      new WhatsAppUnanswered({ deviceId })
    ))

const isQueryFailed = (error: unknown): error is QueryFailed => Predicate.isTagged(error, "QueryFailed")
