import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { UserId } from "./User.ts"

export const WebhookId = Schema.Int.pipe(Schema.positive(), Schema.brand("WebhookId"))
export type WebhookId = typeof WebhookId.Type

/** The version of the bodies that a new endpoint gets; one that is there keeps its own. */
export const bodyVersion = 1

/**
 * The shape of what is sent. `standard`: our own, as Standard Webhooks. `cloud-api`: that of the webhooks of Meta's WhatsApp
 * Cloud API, of what that API has a shape for.
 */
export const WebhookFormat = Schema.Literal("standard", "cloud-api")
export type WebhookFormat = typeof WebhookFormat.Type

/** `gone`: it answered 410. `failing`: nothing but failures for days. `user`: somebody switched it off. */
export const DisabledReason = Schema.Literal("gone", "failing", "user")
export type DisabledReason = typeof DisabledReason.Type

/** Where events go; without its secrets and the values of its headers, which nobody is shown again. */
export class Webhook extends Schema.Class<Webhook>("Webhook")({
  id: WebhookId,
  userId: UserId,
  /** null: the events of all of the user's devices */
  deviceId: Schema.NullOr(DeviceId),
  url: Schema.String,
  description: Schema.NullOr(Schema.String),
  /** types of events, or patterns of them such as `message.*` */
  events: Schema.Array(Schema.String),
  headers: Schema.Array(Schema.String),
  version: Schema.Int,
  format: WebhookFormat,
  enabled: Schema.Boolean,
  disabledReason: Schema.NullOr(DisabledReason),
  disabledAt: Schema.NullOr(Schema.DateTimeUtc),
  /** attempts that failed since the last one that did not */
  failures: Schema.Int,
  failingSince: Schema.NullOr(Schema.DateTimeUtc),
  /** nothing is sent before, since it failed too often or asked for a pause */
  pausedUntil: Schema.NullOr(Schema.DateTimeUtc),
  lastSuccessAt: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

export class WebhookNotFound extends Schema.TaggedError<WebhookNotFound>()(
  "WebhookNotFound",
  { webhookId: Schema.Int },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no webhook ${this.webhookId}.`
  }
}

export class TooManyWebhooks extends Schema.TaggedError<TooManyWebhooks>()(
  "TooManyWebhooks",
  { limit: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `A user may have ${this.limit} webhooks; delete one that is no longer used.`
  }
}

/** Nothing may be sent to this address. */
export class WebhookUrlRefused extends Schema.TaggedError<WebhookUrlRefused>()(
  "WebhookUrlRefused",
  { field: Schema.Literal("url"), reason: Schema.Literal("private_address", "unknown_host", "https_needed") },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    return {
      private_address: "url: the address is in a private network or reserved.",
      unknown_host: "url: the host's name cannot be resolved.",
      https_needed: "url: an address with https:// is expected."
    }[this.reason]
  }
}

/** An endpoint that speaks Cloud API has not answered the challenge, as it does where it knows the verify token. */
export class WebhookNotVerified extends Schema.TaggedError<WebhookNotVerified>()(
  "WebhookNotVerified",
  { field: Schema.Literal("url"), reason: Schema.Literal("unanswered", "status", "challenge"), status: Schema.NullOr(Schema.Int) },
  HttpApiSchema.annotations({ status: 422 })
) {
  override get message() {
    return {
      unanswered: "url: the endpoint has not answered the request that verifies it.",
      status: `url: the endpoint answered the request that verifies it with ${this.status}, not with 200; does it have this verifyToken?`,
      challenge: "url: the endpoint has not answered the request that verifies it with the value of hub.challenge."
    }[this.reason]
  }
}

export class WebhookDisabled extends Schema.TaggedError<WebhookDisabled>()(
  "WebhookDisabled",
  { webhookId: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `The webhook ${this.webhookId} is disabled; enable it first.`
  }
}
