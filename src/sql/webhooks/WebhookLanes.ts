import { SqlClient } from "@effect/sql"
import { Clock, Effect, Schema } from "effect"
import { WebhookId } from "../../domain/Webhook.ts"
import { makeDialect } from "../database/Dialect.ts"

/** Where a delivery waits: behind the others of its chat, at its endpoint. */
export interface WebhookLane {
  readonly webhookId: WebhookId
  readonly lane: string
}

/** An endpoint whose row is locked, and how it has been doing; times in milliseconds. */
const LockedEndpoint = Schema.Struct({
  id: WebhookId,
  url: Schema.String,
  enabled: Schema.Int,
  failures: Schema.Int,
  failingSince: Schema.NullOr(Schema.Int),
  pausedUntil: Schema.NullOr(Schema.Int),
  lastSuccessAt: Schema.NullOr(Schema.Int)
})
export type LockedEndpoint = typeof LockedEndpoint.Type

/** SQLite takes 500 parts in a compound SELECT. */
const lanesAtOnce = 50

/**
 * Keeps it so that of each lane exactly the first is due. Whoever changes what waits at an endpoint locks the endpoint's row
 * before: two that look at one lane at the same time could otherwise both leave it to the other.
 */
export const makeWebhookLanes = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { forUpdate } = yield* makeDialect

  /** By the index, however many wait in the lane; nothing where one is due. */
  const first = ({ lane, webhookId }: WebhookLane, index: number) =>
    sql`SELECT id FROM (
        SELECT id FROM webhook_deliveries WHERE webhook_id = ${webhookId} AND queue = ${lane} AND due_at IS NULL ORDER BY id LIMIT 1
      ) ${sql.literal(`first_${index}`)} WHERE NOT EXISTS (
        SELECT 1 FROM webhook_deliveries WHERE webhook_id = ${webhookId} AND queue = ${lane} AND due_at IS NOT NULL
      )`

  return {
    /** Answers those of them that are there. */
    lock: (webhooks: ReadonlyArray<WebhookId>) =>
      sql`SELECT id, url, enabled, failures, failing_since, paused_until, last_success_at FROM webhooks
        WHERE ${sql.in("id", webhooks)} ORDER BY id ${forUpdate}`.pipe(
        Effect.flatMap(decodeEndpoints),
        Effect.map((rows) => new Map(rows.map((row) => [row.id, row])))
      ),

    /** To be called after each change. */
    wake: Effect.fnUntraced(function*(changed: ReadonlyArray<WebhookLane>) {
      const now = yield* Clock.currentTimeMillis
      const lanes = [...new Map(changed.map((each) => [`${each.webhookId} ${each.lane}`, each])).values()]
      for (let start = 0; start < lanes.length; start += lanesAtOnce) {
        const firsts = lanes.slice(start, start + lanesAtOnce).map(first)
        const found = yield* Effect.flatMap(sql`${sql.join(" UNION ALL ", false)(firsts)}`, decodeIds)
        if (found.length > 0) yield* sql`UPDATE webhook_deliveries SET due_at = ${now} WHERE ${sql.in("id", found.map(({ id }) => id))}`
      }
    })
  }
})

const decodeEndpoints = Schema.decodeUnknown(Schema.Array(LockedEndpoint))
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))
