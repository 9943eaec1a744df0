import { Data, DateTime, Duration, Effect, Random } from "effect"
import type { CloseReason } from "../whatsapp/socket/CloseReason.ts"

/** What the device's loop does after a socket has closed. */
export type NextStep = Data.TaggedEnum<{
  /** open the next socket after `delay` milliseconds */
  Again: { readonly delay: number }
  WaitUntil: { readonly until: DateTime.Utc }
  /** nothing more by ourselves; `forget` says that the credentials are worthless now */
  Hold: { readonly forget: boolean }
}>
export const NextStep = Data.taggedEnum<NextStep>()

/** What the loop remembers from one socket to the next. */
export interface Attempts {
  /** sockets in a row that did not stay up for a minute */
  readonly failures: number
  /** when WhatsApp last asked for a restart, newest last, at most three */
  readonly restarts: ReadonlyArray<number>
}
export const noAttempts: Attempts = { failures: 0, restarts: [] }

export const stableAfter = Duration.minutes(1)
const longestDelay = 60_000
const restartsPerMinute = 3

/**
 * Full jitter: a random delay up to `base · 2^failures`, at most a minute; a base that long is kept as it is. A socket that
 * stayed up for a minute starts the count anew; a restart that WhatsApp asks for is not a failure, unless it asks more than
 * three times a minute.
 */
export const nextStep = Effect.fnUntraced(function*(attempts: Attempts, closed: CloseReason, stable: boolean) {
  const now = yield* DateTime.now
  const before = stable ? noAttempts : attempts
  const backoff = Effect.fnUntraced(function*(base: number, restarts: ReadonlyArray<number>) {
    // where WhatsApp asks for a pause it gets at least that
    const floor = base > longestDelay / 2 ? base : 0
    const ceiling = Math.max(floor * 1.25, Math.min(longestDelay, base * 2 ** Math.min(before.failures, 16)))
    const delay = Math.round(yield* Random.nextRange(floor, ceiling))
    return { attempts: { failures: before.failures + 1, restarts }, step: NextStep.Again({ delay }) as NextStep }
  })
  switch (closed.action._tag) {
    case "Restart": {
      const recent = before.restarts.filter((at) => at > now.epochMillis - 60_000)
      if (recent.length >= restartsPerMinute) return yield* backoff(1000, recent)
      return {
        attempts: { failures: before.failures, restarts: [...recent, now.epochMillis] },
        step: NextStep.Again({ delay: 0 }) as NextStep
      }
    }
    case "Backoff":
      return yield* backoff(closed.action.base, before.restarts)
    case "WaitUntil":
      return { attempts: noAttempts, step: NextStep.WaitUntil({ until: closed.action.until }) as NextStep }
    case "PairAgain":
      return { attempts: noAttempts, step: NextStep.Hold({ forget: true }) as NextStep }
    case "Yield":
    case "Stop": {
      // there are no credentials: what else is left of a pairing would keep the next one from beginning
      const forget = closed.reason === "not_paired"
      return { attempts: noAttempts, step: NextStep.Hold({ forget }) as NextStep }
    }
  }
})
