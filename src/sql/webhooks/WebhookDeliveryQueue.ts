import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { WebhookId } from "../../domain/Webhook.ts"
import type { DeliveryId } from "../../domain/WebhookDelivery.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import type { Attempted, EndpointState, Judgement, NewDelivery } from "./WebhookDeliveries.ts"
import { decodeDeliveries, deliveryColumns, toDelivery } from "./WebhookDeliveryRow.ts"
import { makeWebhookLanes } from "./WebhookLanes.ts"

/** The half of `WebhookDeliveries` that sending needs. */
export const makeDeliveryQueue = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const { insert, insertNew, limit } = yield* makeDialect
  const lanes = yield* makeWebhookLanes
  const columns = sql.literal(deliveryColumns)

  const atomic = <A, E, R>(effect: Effect.Effect<A, E, R>) => retryConflicts(sql.withTransaction(effect)).pipe(atBoundary)

  const put = Effect.fnUntraced(function*(deliveries: ReadonlyArray<NewDelivery>, again: boolean) {
    if (deliveries.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const locked = yield* lanes.lock([...new Set(deliveries.map(({ webhookId }) => webhookId))])
    for (const [webhookId, wanted] of Map.groupBy(deliveries.filter((delivery) => locked.has(delivery.webhookId)), (delivery) => delivery.webhookId)) {
      for (let start = 0; start < wanted.length; start += rowsAtOnce) {
        const some = wanted.slice(start, start + rowsAtOnce)
        if (again) {
          for (const { eventId, lane } of some) {
            yield* sql`UPDATE webhook_deliveries SET ${sql.update(waitingAnew(lane, now))}
              WHERE webhook_id = ${webhookId} AND event_id = ${eventId} AND status <> 'pending'`
          }
        }
        yield* sql`${insertNew} webhook_deliveries ${sql.insert(some.map((delivery) => rowOf(delivery, now)))}`
        yield* lanes.wake(webhookId, some.map(({ lane }) => lane))
      }
    }
  })

  const endpointOf = Effect.fnUntraced(function*(id: WebhookId) {
    const [row] = yield* sql`SELECT url, enabled, failures, failing_since, paused_until, last_success_at FROM webhooks WHERE id = ${id}`.pipe(
      Effect.flatMap(decodeEndpoints)
    )
    return row
  })

  const disable = Effect.fnUntraced(function*(
    webhookId: WebhookId,
    { reason, state, deviceId, url }: {
      readonly reason: NonNullable<Judgement["disable"]>
      readonly state: EndpointState
      readonly deviceId: DeviceId | null
      readonly url: string
    }
  ) {
    const now = yield* Clock.currentTimeMillis
    yield* sql`UPDATE webhooks SET ${sql.update({ enabled: 0, disabledReason: reason, disabledAt: now, updatedAt: now })} WHERE id = ${webhookId}`
    // a device that is gone tells nothing; the endpoint's own state does
    const found = deviceId === null ? [] : yield* sql`SELECT device_id FROM whatsapp_sessions WHERE device_id = ${deviceId}`
    if (deviceId === null || found.length === 0) return
    const data = {
      webhookId,
      host: new URL(url).host,
      reason,
      failingSince: state.failingSince === null ? null : DateTime.unsafeMake(state.failingSince)
    }
    yield* events.append([{ type: "webhook.disabled", deviceId, data }])
  })

  const settleOne = Effect.fnUntraced(function*({ attempt, delivery, judge }: Attempted) {
    const { id, webhookId } = delivery
    const endpoint = yield* endpointOf(webhookId)
    const current = yield* sql`SELECT id FROM webhook_deliveries
      WHERE id = ${id} AND status = 'pending' AND attempts_total = ${delivery.attemptsTotal}`
    if (endpoint === undefined || current.length === 0) return undefined
    const { enabled, url, ...before } = endpoint
    const judgement = judge(before)
    const { disable: reason, dueAt, endpoint: state, hasRecovered, status, stepsAside } = judgement
    const at = attempt.at.epochMillis
    const lane = stepsAside ? `${aside}${id}` : delivery.lane
    yield* sql`INSERT INTO webhook_attempts ${sql.insert({ deliveryId: id, ...attempt, at })}`
    yield* sql`UPDATE webhook_deliveries SET ${
      sql.update({
        status,
        dueAt,
        lane,
        queue: dueAt === null ? null : lane,
        attempts: delivery.attempts + 1,
        attemptsTotal: delivery.attemptsTotal + 1,
        firstAttemptAt: delivery.firstAttemptAt ?? at,
        lastAttemptAt: at,
        lastStatus: attempt.status,
        lastError: attempt.error,
        finishedAt: dueAt === null ? yield* Clock.currentTimeMillis : null
      })
    } WHERE id = ${id}`
    if (dueAt === null || stepsAside) yield* lanes.wake(webhookId, [delivery.lane])
    yield* sql`UPDATE webhooks SET ${sql.update({ ...state })} WHERE id = ${webhookId}`
    if (hasRecovered) {
      yield* sql`UPDATE webhook_deliveries SET due_at = ${at} WHERE webhook_id = ${webhookId} AND due_at > ${at} AND queue NOT LIKE ${`${aside}%`}`
    }
    if (reason !== null && enabled === 1) yield* disable(webhookId, { reason, state, deviceId: delivery.deviceId, url })
    return judgement
  })

  const settle = Effect.fnUntraced(function*(attempted: ReadonlyArray<Attempted>) {
    // all of them before anything else, and in the order in which `put` locks them
    const locked = yield* lanes.lock([...new Set(attempted.map(({ delivery }) => delivery.webhookId))])
    return yield* Effect.forEach(attempted, (one) =>
      locked.has(one.delivery.webhookId) ? settleOne(one) : Effect.succeed(undefined))
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

    next: Effect.fn("WebhookDeliveries.next")(function*(webhookId: WebhookId, except: ReadonlySet<DeliveryId>) {
      const now = yield* Clock.currentTimeMillis
      const rows = yield* sql`SELECT ${columns} FROM webhook_deliveries
        WHERE webhook_id = ${webhookId} AND due_at <= ${now} ORDER BY due_at, id ${limit(except.size + 2)}`
      const [delivery, ...others] = (yield* decodeDeliveries(rows)).filter(({ id }) => !except.has(id))
      return { delivery, more: others.length > 0 }
    }, atBoundary),

    settle: Effect.fn("WebhookDeliveries.settle")((attempted: ReadonlyArray<Attempted>) =>
      retryConflicts(events.transaction(settle(attempted))).pipe(atBoundary)
    )
  }
})

const rowsAtOnce = 200
/** Begins the lanes of those that have stepped aside; the endpoint does not take them, even when it works. */
export const aside = "aside|"

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

const decodeEndpoints = Schema.decodeUnknown(Schema.Array(Schema.Struct({
  url: Schema.String,
  enabled: Schema.Int,
  failures: Schema.Int,
  failingSince: Schema.NullOr(Schema.Int),
  pausedUntil: Schema.NullOr(Schema.Int),
  lastSuccessAt: Schema.NullOr(Schema.Int)
})))
