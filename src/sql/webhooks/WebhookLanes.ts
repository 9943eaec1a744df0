import { SqlClient } from "@effect/sql"
import { Clock, Effect, Schema } from "effect"
import type { WebhookId } from "../../domain/Webhook.ts"
import { makeDialect } from "../database/Dialect.ts"

/**
 * Keeps it so that of each lane exactly the first is due. Whoever changes what waits at an endpoint locks the endpoint's row
 * before: two that look at one lane at the same time could otherwise both leave it to the other.
 */
export const makeWebhookLanes = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { forUpdate } = yield* makeDialect

  const first = (webhookId: WebhookId, lane: string) =>
    sql`SELECT id, queue FROM webhook_deliveries
      WHERE webhook_id = ${webhookId} AND queue = ${lane} AND due_at IS NULL ORDER BY id LIMIT 1`.pipe(Effect.flatMap(decode))

  return {
    /** Answers those of them that are there. */
    lock: (webhooks: ReadonlyArray<WebhookId>) =>
      sql`SELECT id FROM webhooks WHERE ${sql.in("id", webhooks)} ORDER BY id ${forUpdate}`.pipe(
        Effect.flatMap(decodeIds),
        Effect.map((rows) => new Set(rows.map(({ id }) => id)))
      ),

    /** To be called after each change. */
    wake: Effect.fnUntraced(function*(webhookId: WebhookId, lanes: ReadonlyArray<string>) {
      if (lanes.length === 0) return
      const now = yield* Clock.currentTimeMillis
      const led = yield* sql`SELECT DISTINCT queue FROM webhook_deliveries
        WHERE webhook_id = ${webhookId} AND ${sql.in("queue", lanes)} AND due_at IS NOT NULL`.pipe(Effect.flatMap(decodeLanes))
      const ledLanes = new Set(led.map(({ queue }) => queue))
      const firsts = yield* Effect.forEach([...new Set(lanes)].filter((lane) => !ledLanes.has(lane)), (lane) => first(webhookId, lane))
      const ids = firsts.flat().map(({ id }) => id)
      if (ids.length > 0) yield* sql`UPDATE webhook_deliveries SET due_at = ${now} WHERE ${sql.in("id", ids)}`
    })
  }
})

const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, queue: Schema.String })))
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))
const decodeLanes = Schema.decodeUnknown(Schema.Array(Schema.Struct({ queue: Schema.String })))
