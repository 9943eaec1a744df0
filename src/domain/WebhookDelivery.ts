import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { EventId } from "./ServiceEvent.ts"
import { WebhookId } from "./Webhook.ts"

export const DeliveryId = Schema.Int.pipe(Schema.positive(), Schema.brand("DeliveryId"))
export type DeliveryId = typeof DeliveryId.Type

export const DeliveryStatus = Schema.Literal("pending", "delivered", "failed")
export type DeliveryStatus = typeof DeliveryStatus.Type

/** Why an attempt failed: an answer other than 2xx, or no answer. */
export const DeliveryError = Schema.Literal(
  "status",
  "redirect",
  "timeout",
  "unknown_host",
  "private_address",
  "tls",
  "connection",
  /** the event is no longer kept, so that there is nothing to send */
  "event_gone",
  /** it waited for longer than deliveries are kept */
  "expired",
  /** the secret does not decrypt: ENCRYPTION_KEY is another one */
  "secret_unreadable"
)
export type DeliveryError = typeof DeliveryError.Type

/** One event for one endpoint. */
export class WebhookDelivery extends Schema.Class<WebhookDelivery>("WebhookDelivery")({
  id: DeliveryId,
  webhookId: WebhookId,
  /** the header `webhook-id`, the same at every attempt */
  messageId: Schema.String,
  /** null: a test */
  eventId: Schema.NullOr(EventId),
  eventType: Schema.String,
  deviceId: Schema.NullOr(DeviceId),
  status: DeliveryStatus,
  attempts: Schema.Int,
  /** when it goes out; null when it is done, or waits for an earlier one of its chat */
  nextAttemptAt: Schema.NullOr(Schema.DateTimeUtc),
  lastAttemptAt: Schema.NullOr(Schema.DateTimeUtc),
  lastStatus: Schema.NullOr(Schema.Int),
  lastError: Schema.NullOr(DeliveryError),
  createdAt: Schema.DateTimeUtc,
  finishedAt: Schema.NullOr(Schema.DateTimeUtc)
}) {}

/** One request to an endpoint and what came of it. */
export const DeliveryAttempt = Schema.Struct({
  at: Schema.DateTimeUtc,
  status: Schema.NullOr(Schema.Int),
  error: Schema.NullOr(DeliveryError),
  millis: Schema.Int,
  /** the answer's first KiB */
  response: Schema.NullOr(Schema.String)
})
export type DeliveryAttempt = typeof DeliveryAttempt.Type

export class DeliveryNotFound extends Schema.TaggedError<DeliveryNotFound>()(
  "DeliveryNotFound",
  { deliveryId: Schema.Int },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `This webhook has no delivery ${this.deliveryId}.`
  }
}

export class DeliveryEventGone extends Schema.TaggedError<DeliveryEventGone>()(
  "DeliveryEventGone",
  { deliveryId: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `The event of delivery ${this.deliveryId} is no longer kept; there is nothing to send.`
  }
}
