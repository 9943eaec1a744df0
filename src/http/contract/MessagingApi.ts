import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Effect, ParseResult, Schema } from "effect"
import { Contact } from "../../domain/Contact.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { bareJid, isJid, isLidJid, isPhoneJid, Jid, phoneJid } from "../../domain/Jid.ts"
import { Direction, Message, MessageId, MessageText, SendFailure } from "../../domain/Message.ts"
import { PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"
import * as Envelope from "../Envelope.ts"
import { SendFailed } from "../SendFailed.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceNotFound, idempotencyConflict } from "./Failures.ts"
import { limitOf, RowId } from "./Paging.ts"

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

const decodePhoneNumber = ParseResult.decode(PhoneNumberFromInput)

/** A person, as `:jid` names him: a phone number in any form, or an address of either kind. */
const PersonAddress = Schema.transformOrFail(Schema.String.pipe(Schema.maxLength(100)), Schema.typeSchema(Jid), {
  strict: true,
  decode: (input, _, ast) => {
    const jid = input.includes("@") ? bareJid(input) : undefined
    if (jid !== undefined && isJid(jid) && isLidJid(jid)) return ParseResult.succeed(jid)
    const refused = new ParseResult.Type(
      ast,
      input,
      "a phone number with country code, or a …@s.whatsapp.net or …@lid address is expected"
    )
    if (jid !== undefined && !isPhoneJid(jid)) return ParseResult.fail(refused)
    return Effect.mapBoth(decodePhoneNumber(jid ?? input), { onFailure: () => refused, onSuccess: phoneJid })
  },
  encode: (jid) => ParseResult.succeed(jid)
})

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
  .add(
    HttpApiEndpoint.get("chatHistory", "/devices/:deviceId/chat-history/:jid")
      .setPath(Schema.Struct({ deviceId: DeviceId, jid: PersonAddress }))
      .setUrlParams(Schema.Struct({
        before: Schema.optional(RowId),
        after: Schema.optional(RowId),
        direction: Schema.optional(Direction),
        limit: limitOf(200, 50)
      }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(Message),
        nextCursor: Schema.NullOr(Schema.Int),
        hasMore: Schema.Boolean
      })))
      .annotateContext(OpenApi.annotations({
        summary: "What was said with a person",
        description: "Newest first; `nextCursor` is the `before` of the next page. With `after` oldest first, and " +
          "`nextCursor` is the next `after`. `:jid` is a phone number in any form, or an address."
      }))
  )
  .add(
    HttpApiEndpoint.get("contacts", "/devices/:deviceId/contacts")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({
        search: Schema.optional(Schema.String.pipe(Schema.maxLength(100))),
        after: Schema.optional(RowId),
        limit: limitOf(1000, 100)
      }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(Contact),
        nextCursor: Schema.NullOr(Schema.Int),
        hasMore: Schema.Boolean
      })))
      .annotateContext(OpenApi.annotations({ summary: "The people that a device knows" }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Messaging" }))
