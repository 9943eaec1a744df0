import { Schema, Struct } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { UserId } from "../../domain/User.ts"
import { DisabledReason, Webhook, WebhookFormat, WebhookId } from "../../domain/Webhook.ts"

export const webhookColumns = "id, user_id, device_id, url, description, events, version, format, headers, verify_token, enabled, disabled_reason, " +
  "disabled_at, failures, failing_since, paused_until, last_success_at, created_at, updated_at"

const time = Schema.NullOr(Schema.DateTimeUtcFromNumber)

const WebhookRow = Schema.Struct({
  id: WebhookId,
  userId: UserId,
  deviceId: Schema.NullOr(DeviceId),
  url: Schema.String,
  description: Schema.NullOr(Schema.String),
  events: Schema.parseJson(Schema.Array(Schema.String)),
  version: Schema.Int,
  format: WebhookFormat,
  headers: Schema.NullOr(Schema.Uint8ArrayFromSelf),
  verifyToken: Schema.NullOr(Schema.Uint8ArrayFromSelf),
  enabled: Schema.Int,
  disabledReason: Schema.NullOr(DisabledReason),
  disabledAt: time,
  failures: Schema.Int,
  failingSince: time,
  pausedUntil: time,
  lastSuccessAt: time,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})
export type WebhookRow = typeof WebhookRow.Type

export const decodeWebhooks = Schema.decodeUnknown(Schema.Array(WebhookRow))
export const encodePatterns = Schema.encode(Schema.parseJson(Schema.Array(Schema.String)))

export const toWebhook = (row: WebhookRow, headers: ReadonlyArray<string>): Webhook =>
  new Webhook({ ...Struct.omit(row, "headers", "verifyToken", "enabled"), headers, enabled: row.enabled === 1 }, { disableValidation: true })
