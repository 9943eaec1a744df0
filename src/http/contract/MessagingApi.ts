import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceNotFound, idempotencyConflict, messageNotChangeable, messageNotFound } from "./Failures.ts"
import { TextBody } from "./MessageBodies.ts"
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
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Messaging", description: "Texts to people." }))
