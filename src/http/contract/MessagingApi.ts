import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Contact } from "../../domain/Contact.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Direction, Message } from "../../domain/Message.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceNotFound, idempotencyConflict, messageNotChangeable, messageNotFound } from "./Failures.ts"
import { TextBody } from "./MessageBodies.ts"
import { limitOf, RowId } from "./Paging.ts"
import { PersonAddress } from "./PersonAddress.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

export const MessagingApi = HttpApiGroup.make("messaging")
  .add(
    HttpApiEndpoint.post("sendMessage", "/devices/:deviceId/send-message")
      .setPath(DevicePath)
      .setHeaders(SendHeaders)
      .setUrlParams(WaitParams)
      .setPayload(TextBody)
      .addSuccess(Envelope.success(SentAnswer))
      .addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed)
      .addError(idempotencyConflict)
      .addError(deviceNotFound)
      .addError(messageNotFound)
      .addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "Send a text message",
        description: "Waits until the message is `sent` (or what `wait` names), for `timeout` seconds at most; one that " +
          "still waits is answered with 202 and goes out later. With an `Idempotency-Key` a repeated request sends nothing " +
          "and is answered with the message of the first (`Idempotency-Replayed: true`). `to` and `text` are taken for " +
          "`phone` and `message`. `quotedMessageId` makes it an answer to a message of the same chat; a person in `mentions` is " +
          "highlighted where the text has his number after an @; `preview` is shown for a link in the text as it is given, and " +
          "nothing is fetched."
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
