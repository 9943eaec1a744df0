import { SqlClient } from "@effect/sql"
import { Array, Clock, DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { WebhookId } from "../../domain/Webhook.ts"
import { type DeliveryAttempt, DeliveryId } from "../../domain/WebhookDelivery.ts"
import { EventLog } from "../events/EventLog.ts"
import type { Attempted, EndpointState, Judgement } from "./WebhookDeliveries.ts"
import type { DeliveryRow } from "./WebhookDeliveryRow.ts"
import { type LockedEndpoint, makeWebhookLanes } from "./WebhookLanes.ts"

interface Judged {
  readonly delivery: DeliveryRow
  readonly attempt: DeliveryAttempt
  readonly judgement: Judgement
}

/** Writes down what became of attempts, many in a few statements. Joins the caller's transaction. */
export const makeWebhookSettlement = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const lanes = yield* makeWebhookLanes

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

  /** Which of these wait, and how many attempts each has been through. */
  const waitingAmong = Effect.fnUntraced(function*(attempted: ReadonlyArray<Attempted>) {
    const rows = yield* sql`SELECT id, attempts_total FROM webhook_deliveries
      WHERE ${sql.in("id", attempted.map(({ delivery }) => delivery.id))} AND status = 'pending'`
    return new Map((yield* decodeCounts(rows)).map(({ attemptsTotal, id }) => [id, attemptsTotal]))
  })

  const written = Effect.fnUntraced(function*({ attempt, delivery, judgement: { dueAt, status, stepsAside } }: Judged) {
    const at = attempt.at.epochMillis
    const lane = stepsAside ? `${aside}${delivery.id}` : delivery.lane
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
    } WHERE id = ${delivery.id}`
  })

  const byId = (values: ReadonlyArray<readonly [id: number, value: number | null]>) =>
    sql`CASE id ${sql.join(" ", false)(values.map(([id, value]) => sql`WHEN ${id} THEN ${value}`))} END`

  /** The same for many that have arrived. */
  const arrived = Effect.fnUntraced(function*(many: ReadonlyArray<Judged>) {
    if (many.length === 0) return
    const at = byId(many.map(({ attempt, delivery }) => [delivery.id, attempt.at.epochMillis]))
    yield* sql`UPDATE webhook_deliveries SET status = 'delivered', due_at = NULL, queue = NULL, attempts = attempts + 1,
        attempts_total = attempts_total + 1, first_attempt_at = COALESCE(first_attempt_at, ${at}), last_attempt_at = ${at},
        last_status = ${byId(many.map(({ attempt, delivery }) => [delivery.id, attempt.status]))}, last_error = NULL,
        finished_at = ${yield* Clock.currentTimeMillis}
      WHERE ${sql.in("id", many.map(({ delivery }) => delivery.id))}`
  })

  /** What attempts mean for their endpoint. */
  const concluded = Effect.fnUntraced(function*({ enabled, id, url }: LockedEndpoint, judged: ReadonlyArray<Judged>) {
    const { endpoint: state } = judged.at(-1)!.judgement
    yield* sql`UPDATE webhooks SET ${sql.update({ ...state })} WHERE id = ${id}`
    const recovery = judged.find(({ judgement }) => judgement.hasRecovered)
    if (recovery !== undefined) {
      const at = recovery.attempt.at.epochMillis
      yield* sql`UPDATE webhook_deliveries SET due_at = ${at} WHERE webhook_id = ${id} AND due_at > ${at} AND queue NOT LIKE ${`${aside}%`}`
    }
    const fatal = judged.find(({ judgement }) => judgement.disable !== null)
    const reason = fatal?.judgement.disable ?? null
    if (fatal !== undefined && reason !== null && enabled === 1) {
      yield* disable(id, { reason, state: fatal.judgement.endpoint, deviceId: fatal.delivery.deviceId, url })
    }
  })

  /** The same for endpoints that took everything. */
  const wentOn = Effect.fnUntraced(function*(endpoints: ReadonlyArray<readonly [WebhookId, ReadonlyArray<Judged>]>) {
    if (endpoints.length === 0) return
    const at = endpoints.map(([id, some]) => [id, some.at(-1)!.judgement.endpoint.lastSuccessAt] as const)
    yield* sql`UPDATE webhooks SET failures = 0, failing_since = NULL, paused_until = NULL, last_success_at = ${byId(at)}
      WHERE ${sql.in("id", endpoints.map(([id]) => id))}`
  })

  return Effect.fnUntraced(function*(attempted: ReadonlyArray<Attempted>) {
    // all of them before anything else, and in the order in which `put` locks them
    const endpoints = yield* lanes.lock([...new Set(attempted.map(({ delivery }) => delivery.webhookId))])
    const waiting = yield* waitingAmong(attempted)
    const states = new Map<WebhookId, EndpointState>(endpoints)
    const judged = attempted.map(({ attempt, delivery, judge }): Judged | undefined => {
      const state = states.get(delivery.webhookId)
      if (state === undefined || waiting.get(delivery.id) !== delivery.attemptsTotal) return undefined
      waiting.delete(delivery.id)
      const judgement = judge(state)
      states.set(delivery.webhookId, judgement.endpoint)
      return { attempt, delivery, judgement }
    })
    const all = judged.filter((one) => one !== undefined)
    if (all.length > 0) {
      yield* sql`INSERT INTO webhook_attempts ${
        sql.insert(all.map(({ attempt, delivery }) => ({ deliveryId: delivery.id, ...attempt, at: attempt.at.epochMillis })))
      }`
      const [others, well] = Array.partition(all, ({ judgement }) => judgement.status === "delivered")
      yield* arrived(well)
      yield* Effect.forEach(others, written, { discard: true })
      yield* lanes.wake(all.flatMap(({ delivery, judgement: { dueAt, stepsAside } }) => dueAt === null || stepsAside ? [delivery] : []))
      const byEndpoint = [...Map.groupBy(all, ({ delivery }) => delivery.webhookId)]
      const [troubled, fine] = Array.partition(byEndpoint, ([, some]) => some.every(({ judgement }) => isFine(judgement)))
      yield* wentOn(fine)
      yield* Effect.forEach(troubled, ([webhookId, some]) => concluded(endpoints.get(webhookId)!, some), { discard: true })
    }
    return judged.map((one) => one?.judgement)
  })
})

/** The endpoint took it, as it had taken others before. */
const isFine = ({ hasRecovered, status }: Judgement) => status === "delivered" && !hasRecovered

/** Begins the lanes of those that have stepped aside; the endpoint does not take them, even when it works. */
export const aside = "aside|"

const decodeCounts = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: DeliveryId, attemptsTotal: Schema.Int })))
