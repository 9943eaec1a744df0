import { DateTime, Schema, Struct } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { EventId } from "../../domain/ServiceEvent.ts"
import { WebhookId } from "../../domain/Webhook.ts"
import { DeliveryAttempt, DeliveryError, DeliveryId, DeliveryStatus, WebhookDelivery } from "../../domain/WebhookDelivery.ts"

export const deliveryColumns = "id, webhook_id, message_id, event_id, event_type, device_id, body, lane, due_at, status, attempts, " +
  "attempts_total, first_attempt_at, last_attempt_at, last_status, last_error, created_at, finished_at"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)

const DeliveryRow = Schema.Struct({
  id: DeliveryId,
  webhookId: WebhookId,
  messageId: Schema.String,
  eventId: Schema.NullOr(EventId),
  eventType: Schema.String,
  deviceId: Schema.NullOr(DeviceId),
  body: Schema.NullOr(Schema.String),
  lane: Schema.String,
  dueAt: Schema.NullOr(Schema.Int),
  status: DeliveryStatus,
  attempts: Schema.Int,
  attemptsTotal: Schema.Int,
  firstAttemptAt: Schema.NullOr(Schema.Int),
  lastAttemptAt: time,
  lastStatus: Schema.NullOr(Schema.Int),
  lastError: Schema.NullOr(DeliveryError),
  createdAt: Schema.DateTimeUtcFromNumber,
  finishedAt: time
})
export type DeliveryRow = typeof DeliveryRow.Type

export const decodeDeliveries = Schema.decodeUnknown(Schema.Array(DeliveryRow))

export const toDelivery = (row: DeliveryRow): WebhookDelivery =>
  new WebhookDelivery({
    ...Struct.omit(row, "body", "lane", "dueAt", "attemptsTotal", "firstAttemptAt"),
    attempts: row.attemptsTotal,
    nextAttemptAt: row.dueAt === null ? null : DateTime.unsafeMake(row.dueAt)
  }, { disableValidation: true })

export const decodeAttempts = Schema.decodeUnknown(
  Schema.Array(Schema.Struct({ ...DeliveryAttempt.fields, at: Schema.DateTimeUtcFromNumber }))
)
