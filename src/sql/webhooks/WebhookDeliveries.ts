import { Context, Effect, Layer } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { EventId } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { DisabledReason, WebhookId } from "../../domain/Webhook.ts"
import type { DeliveryAttempt, DeliveryEventGone, DeliveryId, DeliveryNotFound, DeliveryStatus, WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import type { DeliveryRow } from "./WebhookDeliveryRow.ts"
import { makeDeliveryLog } from "./WebhookDeliveryLog.ts"
import { makeDeliveryQueue } from "./WebhookDeliveryQueue.ts"

export interface NewDelivery {
  readonly webhookId: WebhookId
  readonly messageId: string
  /** null: a test, with a body of its own */
  readonly eventId: EventId | null
  readonly eventType: string
  readonly deviceId: DeviceId | null
  readonly body: string | null
  readonly lane: string
}

/** How an endpoint has been doing; times in milliseconds. */
export interface EndpointState {
  readonly failures: number
  readonly failingSince: number | null
  readonly pausedUntil: number | null
  readonly lastSuccessAt: number | null
}

/** What follows from an attempt. */
export interface Judgement {
  /** null: it is done, `status` says how; otherwise when it goes out again */
  readonly dueAt: number | null
  readonly status: DeliveryStatus
  /** those behind it in its chat no longer wait for it */
  readonly stepsAside: boolean
  readonly endpoint: EndpointState
  /** the endpoint works again: what waits for its next attempt goes out now */
  readonly hasRecovered: boolean
  readonly disable: Exclude<DisabledReason, "user"> | null
}

/** An attempt that was made, and how to judge it. */
export interface Attempted {
  readonly delivery: DeliveryRow
  readonly attempt: DeliveryAttempt
  readonly judge: (endpoint: EndpointState) => Judgement
}

/**
 * The tables `webhook_deliveries` and `webhook_attempts`. What waits stands in a lane, one for each chat and endpoint, and only
 * the first of a lane is due at some time: so none overtakes another.
 */
export class WebhookDeliveries extends Context.Tag("whatsapp-service/WebhookDeliveries")<WebhookDeliveries, {
  /** Puts them in their lanes. What is there already stays as it is; with `again` it waits once more, unless it waits anyway. */
  readonly put: (deliveries: ReadonlyArray<NewDelivery>, options?: { readonly again?: boolean }) => Effect.Effect<void, StorageUnavailable>
  /** A test, ahead of what waits. */
  readonly putTest: (delivery: NewDelivery) => Effect.Effect<WebhookDelivery, StorageUnavailable>
  /** Of what is due at an endpoint those that have been due for longest, each of another lane, without `except`. */
  readonly next: (
    webhookId: WebhookId,
    options: { readonly except: ReadonlySet<DeliveryId>; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<DeliveryRow>, StorageUnavailable>
  /**
   * Writes attempts down with what follows from each, in one transaction. Nothing happens to a delivery that has been through
   * another attempt meanwhile, such as in a process that took over.
   */
  readonly settle: (attempted: ReadonlyArray<Attempted>) => Effect.Effect<ReadonlyArray<Judgement | undefined>, StorageUnavailable>
  readonly get: (webhookId: WebhookId, id: DeliveryId) => Effect.Effect<WebhookDelivery, DeliveryNotFound | StorageUnavailable>
  /** Newest first. */
  readonly list: (webhookId: WebhookId, filter: {
    readonly status?: DeliveryStatus | undefined
    readonly before?: number | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<WebhookDelivery>, StorageUnavailable>
  /** The last 20, oldest first. */
  readonly attempts: (id: DeliveryId) => Effect.Effect<ReadonlyArray<DeliveryAttempt>, StorageUnavailable>
  readonly replay: (webhookId: WebhookId, id: DeliveryId) => Effect.Effect<
    WebhookDelivery,
    DeliveryNotFound | DeliveryEventGone | StorageUnavailable
  >
  /** Of those that have failed, and whose events are kept, the oldest `limit`; answers how many there were. */
  readonly replayFailed: (webhookId: WebhookId, limit: number) => Effect.Effect<number, StorageUnavailable>
  /** The oldest event that waits to be delivered. */
  readonly oldestNeeded: Effect.Effect<number | undefined, StorageUnavailable>
  /** Gives up what has waited since `pendingBefore`, and removes what was done before `doneBefore` or whose endpoint is gone; at most `limit`. */
  readonly prune: (times: { readonly pendingBefore: number; readonly doneBefore: number; readonly limit: number }) => Effect.Effect<
    number,
    StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    WebhookDeliveries,
    Effect.gen(function*() {
      return WebhookDeliveries.of({ ...(yield* makeDeliveryQueue), ...(yield* makeDeliveryLog) })
    })
  )
}
