import { SqlClient } from "@effect/sql"
import { Clock, Effect, Schema } from "effect"
import { WebhookId } from "../../domain/Webhook.ts"
import { DeliveryEventGone, DeliveryId, DeliveryNotFound, DeliveryStatus } from "../../domain/WebhookDelivery.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { waitingAnew } from "./WebhookDeliveryQueue.ts"
import { decodeAttempts, decodeDeliveries, deliveryColumns, toDelivery } from "./WebhookDeliveryRow.ts"
import { makeWebhookLanes } from "./WebhookLanes.ts"

/** The half of `WebhookDeliveries` that people use: looking back, sending again; and what is forgotten. */
export const makeDeliveryLog = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { limit } = yield* makeDialect
  const lanes = yield* makeWebhookLanes
  const columns = sql.literal(deliveryColumns)

  const atomic = <A, E, R>(effect: Effect.Effect<A, E, R>) => retryConflicts(sql.withTransaction(effect)).pipe(atBoundary)

  const row = Effect.fnUntraced(function*(webhookId: WebhookId, id: DeliveryId) {
    const [found] = yield* sql`SELECT ${columns} FROM webhook_deliveries WHERE id = ${id} AND webhook_id = ${webhookId}`.pipe(
      Effect.flatMap(decodeDeliveries)
    )
    return found ?? (yield* new DeliveryNotFound({ deliveryId: id }))
  })

  const newest = (webhookId: WebhookId, status: DeliveryStatus, before: number, rows: number) =>
    sql`SELECT ${columns} FROM webhook_deliveries WHERE webhook_id = ${webhookId} AND status = ${status} AND id < ${before}
      ORDER BY id DESC ${limit(rows)}`.pipe(Effect.flatMap(decodeDeliveries))

  const replay = Effect.fnUntraced(function*(webhookId: WebhookId, id: DeliveryId) {
    yield* lanes.lock([webhookId])
    const found = yield* row(webhookId, id)
    if (found.status === "pending") return toDelivery(found)
    const event = found.eventId === null ? [] : yield* sql`SELECT id FROM events WHERE id = ${found.eventId}`
    if (found.eventId !== null && event.length === 0) return yield* new DeliveryEventGone({ deliveryId: id })
    yield* sql`UPDATE webhook_deliveries SET ${sql.update(waitingAnew(found.lane, yield* Clock.currentTimeMillis))} WHERE id = ${id}`
    yield* lanes.wake([found])
    return toDelivery(yield* row(webhookId, id))
  })

  const replayFailed = Effect.fnUntraced(function*(webhookId: WebhookId, rows: number) {
    yield* lanes.lock([webhookId])
    const failed = yield* sql`SELECT d.id, d.lane FROM webhook_deliveries d JOIN events e ON e.id = d.event_id
      WHERE d.webhook_id = ${webhookId} AND d.status = 'failed' ORDER BY d.id ${limit(rows)}`.pipe(Effect.flatMap(decodeFailed))
    const now = yield* Clock.currentTimeMillis
    for (const { id, lane } of failed) {
      yield* sql`UPDATE webhook_deliveries SET ${sql.update(waitingAnew(lane, now))} WHERE id = ${id}`
    }
    yield* lanes.wake(failed.map(({ lane }) => ({ webhookId, lane })))
    return failed.length
  })

  const expire = Effect.fnUntraced(function*(before: number, rows: number) {
    const old = yield* sql`SELECT id, webhook_id, lane FROM webhook_deliveries
      WHERE status = 'pending' AND queued_at < ${before} ORDER BY event_id ${limit(rows)}`.pipe(Effect.flatMap(decodeOld))
    const now = yield* Clock.currentTimeMillis
    for (const [webhookId, some] of Map.groupBy(old, (each) => each.webhookId)) {
      yield* lanes.lock([webhookId])
      const given = { status: "failed", dueAt: null, queue: null, lastError: "expired", finishedAt: now }
      yield* sql`UPDATE webhook_deliveries SET ${sql.update(given)} WHERE ${sql.in("id", some.map(({ id }) => id))}`
      yield* lanes.wake(some)
    }
    return old.length
  })

  const remove = Effect.fnUntraced(function*(condition: ReturnType<typeof sql.and>, rows: number) {
    const found = yield* sql`SELECT d.id FROM webhook_deliveries d WHERE ${condition} ${limit(rows)}`.pipe(Effect.flatMap(decodeIds))
    const ids = found.map(({ id }) => id)
    if (ids.length > 0) {
      yield* sql`DELETE FROM webhook_attempts WHERE ${sql.in("delivery_id", ids)}`
      yield* sql`DELETE FROM webhook_deliveries WHERE ${sql.in("id", ids)}`
    }
    return ids.length
  })

  return {
    get: Effect.fn("WebhookDeliveries.get")(
      (webhookId: WebhookId, id: DeliveryId) => Effect.map(row(webhookId, id), toDelivery),
      atBoundary
    ),

    list: Effect.fn("WebhookDeliveries.list")(function*(
      webhookId: WebhookId,
      filter: { readonly status?: DeliveryStatus | undefined; readonly before?: number | undefined; readonly limit: number }
    ) {
      const statuses = filter.status === undefined ? DeliveryStatus.literals : [filter.status]
      // each by its index; together they are no more than a few pages
      const found = yield* Effect.forEach(statuses, (status) => newest(webhookId, status, filter.before ?? Number.MAX_SAFE_INTEGER, filter.limit))
      return found.flat().toSorted((one, other) => other.id - one.id).slice(0, filter.limit).map(toDelivery)
    }, atBoundary),

    attempts: Effect.fn("WebhookDeliveries.attempts")(function*(id: DeliveryId) {
      const rows = yield* sql`SELECT at, status, error, millis, response FROM webhook_attempts
        WHERE delivery_id = ${id} ORDER BY id DESC LIMIT 20`
      return (yield* decodeAttempts(rows)).toReversed()
    }, atBoundary),

    replay: Effect.fn("WebhookDeliveries.replay")((webhookId: WebhookId, id: DeliveryId) => atomic(replay(webhookId, id))),
    replayFailed: Effect.fn("WebhookDeliveries.replayFailed")((webhookId: WebhookId, rows: number) => atomic(replayFailed(webhookId, rows))),

    oldestNeeded: sql`SELECT event_id AS id FROM webhook_deliveries
      WHERE status = 'pending' AND event_id IS NOT NULL ORDER BY event_id LIMIT 1`.pipe(
      Effect.flatMap(decodeIds),
      Effect.map(([oldest]) => oldest?.id),
      atBoundary
    ),

    prune: Effect.fn("WebhookDeliveries.prune")(function*(
      { doneBefore, limit: rows, pendingBefore }: { readonly pendingBefore: number; readonly doneBefore: number; readonly limit: number }
    ) {
      const expired = yield* atomic(expire(pendingBefore, rows))
      const done = yield* atomic(remove(sql.and([sql`d.finished_at < ${doneBefore}`]), rows))
      const orphaned = yield* atomic(remove(sql.and([sql`NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = d.webhook_id)`]), rows))
      return Math.max(expired, done, orphaned)
    })
  }
})

const decodeFailed = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: DeliveryId, lane: Schema.String })))
const decodeOld = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: DeliveryId, webhookId: WebhookId, lane: Schema.String })))
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))
