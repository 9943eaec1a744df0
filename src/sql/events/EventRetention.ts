import { SqlClient } from "@effect/sql"
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { wholeNumber } from "../../domain/Settings.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "./EventLog.ts"
import { makeLastBefore } from "./EventTimes.ts"

/** How long the event log goes back. */
export class EventRetention extends Context.Tag("whatsapp-service/EventRetention")<EventRetention, {
  /**
   * Removes at most `limit` events that are older than `EVENT_RETENTION_DAYS` or beyond the newest `EVENT_RETENTION_COUNT`; answers
   * how many. What is `needed`, and all that follows, stays until it is three times as old or as far back. The newest event
   * stays in any case: it tells where the ids are.
   */
  readonly prune: (options: { readonly needed: number | undefined; readonly limit: number }) => Effect.Effect<
    { readonly removed: number; readonly neededRemoved: number },
    StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    EventRetention,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const log = yield* EventLog
      const { affected } = yield* makeDialect
      const lastBefore = yield* makeLastBefore
      const age = Duration.toMillis(Duration.days(yield* wholeNumber("EVENT_RETENTION_DAYS", { from: 1, to: 3650, fallback: 30 })))
      const count = yield* wholeNumber("EVENT_RETENTION_COUNT", { from: 1000, to: 1_000_000_000, fallback: 10_000_000 })

      /** The last event that is too old or too far back. */
      const edge = Effect.fnUntraced(function*(times: number, latest: number) {
        const now = yield* Clock.currentTimeMillis
        return Math.min(latest - 1, Math.max(yield* lastBefore(now - age * times), latest - count * times))
      })

      return EventRetention.of({
        prune: Effect.fn("EventRetention.prune")(function*({ limit, needed }) {
          const latest = yield* log.latest
          const oldest = yield* log.oldest
          const wanted = yield* edge(1, latest)
          const reached = needed !== undefined && needed <= wanted ? Math.max(needed - 1, yield* edge(keptIfNeeded, latest)) : wanted
          const last = Math.min(reached, oldest + limit - 1)
          if (oldest === 0 || last < oldest) return { removed: 0, neededRemoved: 0 }
          const removed = yield* affected(sql`DELETE FROM events WHERE id BETWEEN ${oldest} AND ${last}`)
          return { removed, neededRemoved: needed === undefined ? 0 : Math.max(0, last - Math.max(needed, oldest) + 1) }
        }, atBoundary)
      })
    })
  )
}

/** So many times the usual age and count. */
const keptIfNeeded = 3
