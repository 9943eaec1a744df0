import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { MessageId, MessageText, SendFailure } from "../../domain/Message.ts"
import { PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"
import * as Envelope from "../Envelope.ts"
import { SendFailed } from "../SendFailed.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceNotFound, idempotencyConflict } from "./Failures.ts"

export const sendFailed = Envelope.failure(SendFailed, {
  codes: SendFailure.fields.code.literals,
  code: (error) => error.failure.code
})

const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x21-\x7e]{1,255}$/, { message: () => "1 to 255 visible ASCII characters are expected" })
)

export const SendHeaders = Schema.Struct({ "idempotency-key": Schema.optional(IdempotencyKey) })
export const SendWait = Schema.Struct({
  wait: Schema.optionalWith(Schema.Literal("accepted", "sent", "delivered"), { default: () => "sent" as const }),
  timeout: Schema.optionalWith(Schema.NumberFromString.pipe(Schema.between(0, 60)), { default: () => 20 })
})
export const TextPayload = withAliases(
  closed({ phone: PhoneNumberFromInput, message: MessageText }),
  { to: "phone", text: "message" }
)

/** Sent, or further: `timestamp` is when it was accepted. */
const answered = {
  messageId: MessageId,
  deviceId: DeviceId,
  to: Schema.NullOr(Schema.String),
  timestamp: Schema.DateTimeUtc,
  sentAt: Schema.NullOr(Schema.DateTimeUtc),
  deliveredAt: Schema.NullOr(Schema.DateTimeUtc),
  readAt: Schema.NullOr(Schema.DateTimeUtc)
}
export const SentAnswer = Schema.Struct({
  ...answered,
  status: Schema.Literal("sent", "delivered", "read", "cancelled")
}).annotations({ identifier: "SentMessage" })

/** Accepted and kept; it goes out as soon as its device can send. `reason` is the device's, or `waiting`. */
export const PendingAnswer = Schema.Struct({
  ...answered,
  status: Schema.Literal("pending"),
  reason: Schema.String
}).annotations({ identifier: "PendingMessage" })

export const MessagingApi = HttpApiGroup.make("messaging")
  .add(
    HttpApiEndpoint.post("sendMessage", "/devices/:deviceId/send-message")
      .setPath(DevicePath)
      .setHeaders(SendHeaders)
      .setUrlParams(SendWait)
      .setPayload(TextPayload)
      .addSuccess(Envelope.success(SentAnswer))
      .addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed)
      .addError(idempotencyConflict)
      .addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Send a text message",
        description: "Waits until the message is `sent` (or what `wait` names), for `timeout` seconds at most; one that " +
          "still waits is answered with 202 and goes out later. With an `Idempotency-Key` a repeated request sends nothing " +
          "and is answered with the message of the first (`Idempotency-Replayed: true`). `to` and `text` are taken for " +
          "`phone` and `message`."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Messaging" }))
