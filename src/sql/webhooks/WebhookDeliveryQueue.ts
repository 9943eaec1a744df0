import { SqlClient } from "@effect/sql"
import { Clock, Effect } from "effect"
import type { WebhookId } from "../../domain/Webhook.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import type { Attempted, NewDelivery } from "./WebhookDeliveries.ts"
import { decodeDeliveries, deliveryColumns, toDelivery } from "./WebhookDeliveryRow.ts"
import { makeWebhookLanes } from "./WebhookLanes.ts"
import { makeWebhookSettlement } from "./WebhookSettlement.ts"

/** The half of `WebhookDeliveries` that sending needs. */
export const makeDeliveryQueue = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const { insert, insertNew, limit } = yield* makeDialect
  const lanes = yield* makeWebhookLanes
  const settle = yield* makeWebhookSettlement
  const columns = sql.literal(deliveryColumns)

  const atomic = <A, E, R>(effect: Effect.Effect<A, E, R>) => retryConflicts(sql.withTransaction(effect)).pipe(atBoundary)

  const put = Effect.fnUntraced(function*(deliveries: ReadonlyArray<NewDelivery>, again: boolean) {
    if (deliveries.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const locked = yield* lanes.lock([...new Set(deliveries.map(({ webhookId }) => webhookId))])
    const wanted = deliveries.filter(({ webhookId }) => locked.has(webhookId))
    for (let start = 0; start < wanted.length; start += rowsAtOnce) {
      const some = wanted.slice(start, start + rowsAtOnce)
      if (again) {
        for (const { eventId, lane, webhookId } of some) {
          yield* sql`UPDATE webhook_deliveries SET ${sql.update(waitingAnew(lane, now))}
            WHERE webhook_id = ${webhookId} AND event_id = ${eventId} AND status <> 'pending'`
        }
      }
      yield* sql`${insertNew} webhook_deliveries ${sql.insert(some.map((delivery) => rowOf(delivery, now)))}`
      yield* lanes.wake(some)
    }
  })

  return {
    put: Effect.fn("WebhookDeliveries.put")((deliveries: ReadonlyArray<NewDelivery>, options?: { readonly again?: boolean }) =>
      atomic(put(deliveries, options?.again === true))
    ),

    putTest: Effect.fn("WebhookDeliveries.putTest")((delivery: NewDelivery) =>
      atomic(Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const id = yield* insert("webhook_deliveries", { ...rowOf(delivery, now), dueAt: now })
        const rows = yield* sql`SELECT ${columns} FROM webhook_deliveries WHERE id = ${id}`.pipe(Effect.flatMap(decodeDeliveries))
        return toDelivery(rows[0]!)
      }))
    ),

    next: Effect.fn("WebhookDeliveries.next")(function*(webhookId: WebhookId, { except, limit: most }) {
      const now = yield* Clock.currentTimeMillis
      const rows = yield* sql`SELECT ${columns} FROM webhook_deliveries
        WHERE webhook_id = ${webhookId} AND due_at <= ${now} ORDER BY due_at, id ${limit(except.size + most)}`
      return (yield* decodeDeliveries(rows)).filter(({ id }) => !except.has(id)).slice(0, most)
    }, atBoundary),

    settle: Effect.fn("WebhookDeliveries.settle")((attempted: ReadonlyArray<Attempted>) =>
      retryConflicts(events.transaction(settle(attempted))).pipe(atBoundary)
    )
  }
})

const rowsAtOnce = 200

const rowOf = (delivery: NewDelivery, createdAt: number) => ({
  ...delivery,
  queue: delivery.lane,
  status: "pending",
  attempts: 0,
  attemptsTotal: 0,
  createdAt,
  queuedAt: createdAt
})

/** Of a delivery that is made once more. */
export const waitingAnew = (lane: string, queuedAt: number) => ({
  status: "pending",
  lane,
  queue: lane,
  dueAt: null,
  attempts: 0,
  firstAttemptAt: null,
  queuedAt,
  finishedAt: null
})
