import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Contact } from "../../domain/Contact.ts"
import { Direction, Message } from "../../domain/Message.ts"
import { ConnectedView, DeviceStateView } from "../DeviceView.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForFirstDevice } from "./Authorization.ts"
import { deviceAlreadyPaired, deviceBusy, deviceElsewhere, deviceNotFound, idempotencyConflict, messageNotChangeable, messageNotFound } from "./Failures.ts"
import { TextBody } from "./MessageBodies.ts"
import { limitOf, RowId } from "./Paging.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

const listOf = <A, I, R>(item: Schema.Schema<A, I, R>) =>
  Envelope.success(Schema.Struct({ items: Schema.Array(item), nextCursor: Schema.NullOr(Schema.Int), hasMore: Schema.Boolean }))

/** The paths of the time when a user had one WhatsApp: they work on his first device, which is made for him if he has none. */
export const LegacyApi = HttpApiGroup.make("legacy")
  .add(
    HttpApiEndpoint.get("status", "/status")
      .addSuccess(Envelope.success(ConnectedView))
      .annotateContext(OpenApi.annotations({ summary: "The state of one's first device", description: "With its QR code while there is one to scan." }))
  )
  .add(
    HttpApiEndpoint.post("connect", "/connect")
      .addSuccess(Envelope.success(ConnectedView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Connect one's first device",
        description: "Answers as soon as there is a QR code to scan, or the device is connected, or it is known why not."
      }))
  )
  .add(
    HttpApiEndpoint.post("regenerateQr", "/regenerate-qr")
      .addSuccess(Envelope.success(ConnectedView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .addError(deviceNotFound)
      .addError(deviceAlreadyPaired)
      .annotateContext(OpenApi.annotations({
        summary: "Begin the pairing of one's first device anew",
        description: "A new QR code, as long as the device is not paired."
      }))
  )
  .add(
    HttpApiEndpoint.post("disconnect", "/disconnect")
      .addSuccess(Envelope.success(DeviceStateView))
      .addError(deviceBusy)
      .addError(deviceElsewhere)
      .addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({ summary: "Disconnect one's first device", description: "The pairing stays." }))
  )
  .add(
    HttpApiEndpoint.post("sendMessage", "/send-message")
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
        summary: "Send a text message from one's first device",
        description: "Takes and answers what `send-message` of a device does."
      }))
  )
  .add(
    HttpApiEndpoint.get("messages", "/messages")
      .setUrlParams(Schema.Struct({
        direction: Schema.optional(Direction),
        before: Schema.optional(RowId),
        limit: limitOf(200, 50)
      }))
      .addSuccess(listOf(Message))
      .annotateContext(OpenApi.annotations({
        summary: "The messages of one's first device",
        description: "All chats together; what came last stands first, what the phone remembers when it was handed over. `nextCursor` is the " +
          "`before` of the next page."
      }))
  )
  .add(
    HttpApiEndpoint.get("contacts", "/contacts")
      .setUrlParams(Schema.Struct({
        search: Schema.optional(Schema.String.pipe(Schema.maxLength(100))),
        after: Schema.optional(RowId),
        limit: limitOf(1000, 100)
      }))
      .addSuccess(listOf(Contact))
      .annotateContext(OpenApi.annotations({
        summary: "The people that one's first device knows",
        description: "By name; `nextCursor` is the `after` of the next page."
      }))
  )
  .middleware(AuthorizedForFirstDevice)
  .prefix("/api/whatsapp")
  .annotateContext(OpenApi.annotations({ title: "One WhatsApp (older clients)", description: "The paths of the time when a user had one WhatsApp. They work on the first device of whoever asks, which is made if he has none." }))
