import { Duration } from "effect"
import type { DeliveryAttempt } from "../../domain/WebhookDelivery.ts"
import type { EndpointState, Judgement } from "../../sql/webhooks/WebhookDeliveries.ts"
import { aside } from "../../sql/webhooks/WebhookSettlement.ts"
import type { DeliveryRow } from "../../sql/webhooks/WebhookDeliveryRow.ts"

/** How long to wait after each attempt that fails: 16 attempts within 72 hours. */
export const retrySchedule: ReadonlyArray<Duration.Duration> = [
  "5 seconds", "30 seconds", "2 minutes", "5 minutes", "15 minutes", "30 minutes", "1 hour", "2 hours", "4 hours", "6 hours",
  "8 hours", "10 hours", "12 hours", "14 hours", "14 hours"
].map((wait) => Duration.decode(wait as Duration.DurationInput))

/** As many failures in a row, whatever of: from then on the endpoint is tried with one delivery at a time, after a pause. */
export const breakerOpensAt = 5
const shortestPause = 15_000
const longestPause = 300_000
/** An endpoint that asks for a pause gets one of this length at most, in milliseconds. */
const longestWish = 3_600_000
/** After as many attempts a delivery no longer holds up its chat, if the endpoint has taken others meanwhile. */
const stepsAsideAt = 6

/** `chance` from 0 to 1 → a fifth less to a fifth more. */
const jittered = (millis: number, chance: number) => Math.round(millis * (0.8 + 0.4 * chance))

/** What an attempt means for its delivery and its endpoint. Times are milliseconds. */
export const judge = (
  { attempt, chance, delivery, disableAfter, retryAfter }: {
    readonly attempt: DeliveryAttempt
    readonly delivery: Pick<DeliveryRow, "attempts" | "firstAttemptAt" | "lane">
    /** what the answer asked for */
    readonly retryAfter: number | undefined
    readonly disableAfter: number
    readonly chance: number
  }
) =>
(endpoint: EndpointState): Judgement => {
  const now = attempt.at.epochMillis + attempt.millis
  if (attempt.error === null) {
    return {
      status: "delivered",
      dueAt: null,
      stepsAside: false,
      endpoint: { failures: 0, failingSince: null, pausedUntil: null, lastSuccessAt: now },
      hasRecovered: endpoint.failures >= breakerOpensAt,
      disable: null
    }
  }
  const failures = endpoint.failures + 1
  const failingSince = endpoint.failingSince ?? now
  const scheduled = retrySchedule[delivery.attempts]
  const wished = Math.min(retryAfter ?? 0, longestWish)
  const pause = Math.max(breakerPause(failures, chance), asksForPause.has(attempt.status) ? wished : 0)
  const state: EndpointState = {
    failures,
    failingSince,
    pausedUntil: pause > 0 ? now + pause : endpoint.pausedUntil,
    lastSuccessAt: endpoint.lastSuccessAt
  }
  const disable = attempt.status === 410 ? "gone" : now - failingSince >= disableAfter ? "failing" : null
  const common = { endpoint: state, hasRecovered: false, disable } as const
  // where the endpoint is disabled it waits for whoever enables it
  if ((scheduled === undefined && disable === null) || attempt.error === "event_gone") {
    return { ...common, status: "failed", dueAt: null, stepsAside: false }
  }
  const wait = Math.max(jittered(Duration.toMillis(scheduled ?? retrySchedule.at(-1)!), chance), wished)
  return { ...common, status: "pending", dueAt: now + wait, stepsAside: isAlone(delivery, endpoint) }
}

/** Too many requests, or unavailable. */
const asksForPause = new Set<number | null>([429, 503])

const breakerPause = (failures: number, chance: number) =>
  failures < breakerOpensAt ? 0 : jittered(Math.min(longestPause, shortestPause * 2 ** (failures - breakerOpensAt)), chance)

/** It is this one that the endpoint does not take. */
const isAlone = ({ attempts, firstAttemptAt, lane }: Pick<DeliveryRow, "attempts" | "firstAttemptAt" | "lane">, endpoint: EndpointState) =>
  attempts + 1 >= stepsAsideAt && !lane.startsWith(aside) && firstAttemptAt !== null && (endpoint.lastSuccessAt ?? 0) > firstAttemptAt

/** `Retry-After` in milliseconds: seconds, or a date. */
export const readRetryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
