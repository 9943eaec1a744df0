import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { MessageId, SendFailure } from "../../domain/Message.ts"
import { WaitingFor } from "../../domain/WaitingFor.ts"
import * as Envelope from "../Envelope.ts"
import { SendFailed } from "../SendFailed.ts"

export const sendFailed = Envelope.failure(SendFailed, {
  codes: SendFailure.fields.code.literals,
  code: (error) => error.failure.code
})

const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x21-\x7e]{1,255}$/, { message: () => "1 to 255 visible ASCII characters are expected" })
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

/** Accepted and kept; it goes out as soon as its device can send. `reason` is the device's, or `waiting`; `waitingFor` says more. */
export const PendingAnswer = Schema.Struct({
  ...answered,
  status: Schema.Literal("pending"),
  reason: Schema.String,
  waitingFor: Schema.NullOr(WaitingFor)
}).annotations({ identifier: "PendingMessage" })

/** What every call that sends may say beside its body, and what it is answered. */
export const SendHeaders = Schema.Struct({ "idempotency-key": Schema.optional(IdempotencyKey) })
export const WaitParams = Schema.Struct({
  wait: Schema.optionalWith(Schema.Literal("accepted", "sent", "delivered"), { default: () => "sent" as const }),
  timeout: Schema.optionalWith(
    Schema.NumberFromString.pipe(Schema.between(0, 60)).annotations({ jsonSchema: { type: "number", minimum: 0, maximum: 60, default: 20 } }),
    { default: () => 20 }
  )
})
