import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { EventType } from "../../domain/ServiceEvent.ts"
import { UserId } from "../../domain/User.ts"
import { Webhook, WebhookFormat, WebhookId } from "../../domain/Webhook.ts"
import { DeliveryAttempt, DeliveryId, DeliveryStatus, WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import { meansSomething } from "../../plugins/webhooks/EventPattern.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"
import { closed } from "./Body.ts"
import {
  deliveryEventGone, deliveryNotFound, deviceNotFound, forbidden, tooManyWebhooks, userNotFound, webhookDisabled, webhookNotFound, webhookNotVerified,
  webhookUrlRefused
} from "./Failures.ts"
import { idOf, limitOf, pageOf, RowId } from "./Paging.ts"

const Url = Schema.String.pipe(
  Schema.maxLength(2048),
  Schema.filter((text) => {
    const url = URL.parse(text)
    if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return "an address with https:// is expected"
    return url.username === "" && url.password === "" ? undefined : "name and password belong into a header, not into the address"
  })
).annotations({ jsonSchema: { type: "string", format: "uri", maxLength: 2048, examples: ["https://crm.example.com/hooks/whatsapp"] } })

const Patterns = Schema.NonEmptyArray(
  Schema.String.pipe(
    Schema.maxLength(64),
    Schema.filter((pattern) => meansSomething(pattern) ? undefined : `no type of event is meant; there are ${EventType.literals.join(", ")}`)
  )
).pipe(Schema.maxItems(50)).annotations({
  jsonSchema: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 50, examples: [["message.*", "device-status"]] }
})

/** What the request itself is made of, and what proves where it comes from. */
const ourHeader = /^(webhook-.*|x-hub-signature.*|content-.*|host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|date)$/i

const Headers = Schema.Record({ key: Schema.String, value: Schema.String }).pipe(
  Schema.filter((headers) => {
    const names = Object.keys(headers)
    const issues = names.flatMap((name) => {
      const message = ourHeader.test(name)
        ? "this header is set by the service"
        : !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)
        ? "this is no name of a header"
        : !/^[\t\x20-\x7E]{0,2048}$/.test(headers[name]!)
        ? "at most 2048 printable ASCII characters are expected"
        : undefined
      return message === undefined ? [] : [{ path: [name], message }]
    })
    if (names.length > 20) issues.push({ path: [], message: "at most 20 headers are expected" })
    return issues
  })
).annotations({
  jsonSchema: { type: "object", additionalProperties: { type: "string" }, examples: [{ authorization: "Bearer of-the-crm" }] }
})

const Description = Schema.NullOr(Schema.String.pipe(Schema.maxLength(255)))

/** It goes into an address. */
const VerifyToken = Schema.String.pipe(
  Schema.pattern(/^[\x21-\x7e]{1,255}$/, { message: () => "1 to 255 printable ASCII characters without spaces are expected" })
)

const NewWebhook = closed({
  url: Url,
  deviceId: Schema.optional(Schema.NullOr(DeviceId)),
  events: Schema.optional(Patterns),
  headers: Schema.optional(Headers),
  description: Schema.optional(Description),
  format: Schema.optional(WebhookFormat),
  /** of the format `cloud-api`: what the endpoint knows us by */
  verifyToken: Schema.optional(VerifyToken),
  /** for administrators */
  userId: Schema.optional(UserId)
}).pipe(
  Schema.filter(({ format, verifyToken }) => {
    if ((format === "cloud-api") === (verifyToken !== undefined)) return undefined
    const message = verifyToken === undefined ? "the format cloud-api needs one" : "only the format cloud-api has one"
    return { path: ["verifyToken"], message }
  })
)
export type NewWebhook = typeof NewWebhook.Type

const WebhookChanges = closed({
  url: Schema.optional(Url),
  events: Schema.optional(Patterns),
  headers: Schema.optional(Headers),
  description: Schema.optional(Description),
  verifyToken: Schema.optional(VerifyToken),
  enabled: Schema.optional(Schema.Boolean)
})
export type WebhookChanges = typeof WebhookChanges.Type

const Rotation = Schema.NullOr(closed({
  overlapHours: Schema.optional(Schema.Int.pipe(Schema.between(0, 168)))
}))

const Replay = Schema.Union(
  closed({ status: Schema.Literal("failed") }),
  closed({
    since: Schema.DateTimeUtc,
    until: Schema.optional(Schema.DateTimeUtc),
    after: Schema.optional(Schema.Int.pipe(Schema.nonNegative()))
  })
)
export type Replay = typeof Replay.Type

const Path = Schema.Struct({ webhookId: idOf(WebhookId) })
const DeliveryPath = Schema.Struct({ webhookId: idOf(WebhookId), deliveryId: idOf(DeliveryId) })
const Shown = Envelope.success(Schema.Struct({ webhook: Webhook }))
const ShownOnce = Schema.Struct({ webhook: Webhook, secret: Schema.String })
const Accepted = Envelope.success(Schema.Struct({ delivery: WebhookDelivery }), { status: 202 })
const about = (summary: string, description: string) => OpenApi.annotations({ summary, description })

export const WebhooksApi = HttpApiGroup.make("webhooks")
  .add(
    HttpApiEndpoint.get("list", "/api/webhooks")
      .setUrlParams(Schema.Struct({ userId: Schema.optional(idOf(UserId)), before: Schema.optional(RowId), limit: limitOf(200, 50) }))
      .addSuccess(Envelope.success(pageOf(Webhook)))
      .addError(forbidden)
      .annotateContext(about("List webhooks", "One's own, newest first; for administrators everybody's, or those of `userId`."))
  )
  .add(
    HttpApiEndpoint.post("create", "/api/webhooks")
      .setPayload(NewWebhook)
      .addSuccess(Envelope.success(ShownOnce, { status: 201 }))
      .addError(webhookUrlRefused)
      .addError(webhookNotVerified)
      .addError(tooManyWebhooks)
      .addError(deviceNotFound)
      .addError(userNotFound)
      .addError(forbidden)
      .annotateContext(about(
        "Create a webhook",
        "Events of all of the user's devices, or of `deviceId` (then it belongs to that device's owner), are posted to `url` as " +
          "Standard Webhooks: `webhook-id` (the same at each attempt), `webhook-timestamp` and `webhook-signature`, made with `secret`, " +
          "which is shown this once. `events` has types or patterns such as `message.*`; without it all are sent. `headers` go with " +
          "every request; their values are not shown again. The body is `{ type, timestamp, id, version, deviceId, sequence, data }`. " +
          "Only an answer with 2xx within 15 seconds counts; otherwise the event is sent again, 16 times within 72 hours, and the events " +
          "of the same chat wait for it. 410 disables the webhook. The address must be public and have TLS.\n\n" +
          "With `format: \"cloud-api\"` it is told in the shape of the webhooks of Meta's WhatsApp Cloud API instead, for programs that are made " +
          "for these: incoming messages and reactions as `messages`, `sent`, `delivered`, `read` and `failed` as `statuses`, and where `events` " +
          "has `message.sent`, what is written on the device's phone as `smb_message_echoes`; without `events` only the first two. Other events " +
          "are not sent. `phone_number_id` is the device's id. `X-Hub-Signature-256` is made with `secret` as the app secret. The endpoint is " +
          "verified first, with `verifyToken`, by `GET …?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…`: one that does not answer " +
          "with the challenge is refused."
      ))
  )
  .add(
    HttpApiEndpoint.get("get", "/api/webhooks/:webhookId")
      .setPath(Path)
      .addSuccess(Shown)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Show a webhook", "Without its secret, and without the values of its headers."))
  )
  .add(
    HttpApiEndpoint.patch("update", "/api/webhooks/:webhookId")
      .setPath(Path)
      .setPayload(WebhookChanges)
      .addSuccess(Shown)
      .addError(webhookUrlRefused)
      .addError(webhookNotVerified)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about(
        "Change a webhook",
        "`headers` replaces all of them. `enabled: true` forgets earlier failures and sends at once what waits; events that came while it " +
          "was disabled are sent by a replay. The format stays. In the format `cloud-api` a new `url` or `verifyToken` is verified first."
      ))
  )
  .add(
    HttpApiEndpoint.del("delete", "/api/webhooks/:webhookId")
      .setPath(Path)
      .addSuccess(Envelope.success(Schema.Struct({ webhookId: WebhookId })))
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Delete a webhook", "What has not been delivered is not sent any more."))
  )
  .add(
    HttpApiEndpoint.post("rotateSecret", "/api/webhooks/:webhookId/rotate-secret")
      .setPath(Path)
      .setPayload(Rotation)
      .addSuccess(Envelope.success(ShownOnce))
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Make a new secret", "For `overlapHours` (24) both sign, and a receiver may check with either. In the format `cloud-api` there is " +
        "room for one signature: the new secret signs at once, and what the receiver refuses meanwhile is sent again."))
  )
  .add(
    HttpApiEndpoint.post("test", "/api/webhooks/:webhookId/test")
      .setPath(Path)
      .addSuccess(Accepted)
      .addError(webhookDisabled)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Send a test", "An event of the type `webhook.test`, whatever the filter; its delivery shows what came of it."))
  )
  .add(
    HttpApiEndpoint.post("replay", "/api/webhooks/:webhookId/replay")
      .setPath(Path)
      .setPayload(Replay)
      .addSuccess(Envelope.success(Schema.Struct({ replayed: Schema.Int, hasMore: Schema.Boolean, after: Schema.NullOr(Schema.Int) })))
      .addError(webhookDisabled)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about(
        "Send again",
        "`{ status: \"failed\" }`: all that has failed and whose event is kept. `{ since, until }`: all events of that time that the webhook wants, " +
          "also those it never got. A thousand at most at a time; with `hasMore` ask again, with `after` if there is one."
      ))
  )
  .add(
    HttpApiEndpoint.get("deliveries", "/api/webhooks/:webhookId/deliveries")
      .setPath(Path)
      .setUrlParams(Schema.Struct({ status: Schema.optional(DeliveryStatus), before: Schema.optional(RowId), limit: limitOf(200, 50) }))
      .addSuccess(Envelope.success(pageOf(WebhookDelivery)))
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("List deliveries", "Newest first. What is done is kept for WEBHOOK_LOG_DAYS, what waits is given up after a week."))
  )
  .add(
    HttpApiEndpoint.get("delivery", "/api/webhooks/:webhookId/deliveries/:deliveryId")
      .setPath(DeliveryPath)
      .addSuccess(Envelope.success(Schema.Struct({ delivery: WebhookDelivery, attempts: Schema.Array(DeliveryAttempt) })))
      .addError(deliveryNotFound)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Show a delivery", "With its last 20 attempts: status, error, duration, and the first KiB of the answer."))
  )
  .add(
    HttpApiEndpoint.post("replayDelivery", "/api/webhooks/:webhookId/deliveries/:deliveryId/replay")
      .setPath(DeliveryPath)
      .addSuccess(Accepted)
      .addError(deliveryEventGone)
      .addError(deliveryNotFound)
      .addError(webhookDisabled)
      .addError(webhookNotFound)
      .addError(forbidden)
      .annotateContext(about("Send one delivery again", "With the same `webhook-id` and a new time."))
  )
  .middleware(Authorized)
  .annotateContext(OpenApi.annotations({ title: "Webhooks", description: "Events for programs that are called." }))
