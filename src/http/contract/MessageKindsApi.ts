import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { MessageId } from "../../domain/Message.ts"
import * as Envelope from "../Envelope.ts"
import { PersonAddress } from "./Addresses.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceBusy, deviceNotConnected, deviceNotFound, idempotencyConflict, messageNotChangeable, messageNotFound, whatsAppUnanswered } from "./Failures.ts"
import { ContactBody, EditBody, ForwardBody, LocationBody, PollBody, ReactionBody, ReadAnswer, TypingAnswer, TypingBody } from "./MessageBodies.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

const MessagePath = Schema.Struct({ deviceId: DeviceId, messageId: MessageId })
const ChatPath = Schema.Struct({ deviceId: DeviceId, jid: PersonAddress })
const asSent = "Waits and is answered like a text; `wait`, `timeout` and `Idempotency-Key` mean the same."
const asChange = "The answer is that of the message that carries the change; the message itself is changed once WhatsApp's " +
  "server has taken it, and an event tells so."

/** Messages other than texts, what is done to messages, and what a chat is told without one. */
export const MessageKindsApi = HttpApiGroup.make("kinds")
  .add(
    HttpApiEndpoint.post("sendLocation", "/devices/:deviceId/send-location")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(LocationBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({ summary: "Send a location", description: asSent }))
  )
  .add(
    HttpApiEndpoint.post("sendContact", "/devices/:deviceId/send-contact")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(ContactBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({ summary: "Send one or more contact cards", description: asSent }))
  )
  .add(
    HttpApiEndpoint.post("sendPoll", "/devices/:deviceId/send-poll")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(PollBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "Send a poll",
        description: "2 to 12 options, each another one; `selectableCount` of them may be chosen, 0 stands for any number. Votes " +
          `are counted in the message's \`votes\` and told as \`message.vote\`. ${asSent}`
      }))
  )
  .add(
    HttpApiEndpoint.post("sendReaction", "/devices/:deviceId/send-reaction")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(ReactionBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "React to a message",
        description: `With one emoji; an empty one or null takes the reaction back. ${asChange}`
      }))
  )
  .add(
    HttpApiEndpoint.put("editMessage", "/devices/:deviceId/messages/:messageId")
      .setPath(MessagePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(EditBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "Edit a text of one's own",
        description: `Within 15 minutes of sending it. ${asChange}`
      }))
  )
  .add(
    HttpApiEndpoint.del("deleteMessage", "/devices/:deviceId/messages/:messageId")
      .setPath(MessagePath).setHeaders(SendHeaders).setUrlParams(WaitParams)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "Delete a message of one's own for everyone",
        description: "Within 60 hours of sending it; its content is gone here too. Administrators of this service delete in groups " +
          `also what others wrote, where the device is the group's administrator. ${asChange}`
      }))
  )
  .add(
    HttpApiEndpoint.post("forwardMessage", "/devices/:deviceId/messages/:messageId/forward")
      .setPath(MessagePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(ForwardBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable)
      .annotateContext(OpenApi.annotations({
        summary: "Forward a message",
        description: `Sent or received, to a person; what others wrote is marked as forwarded. ${asSent}`
      }))
  )
  .add(
    HttpApiEndpoint.post("readChat", "/devices/:deviceId/chats/:jid/read")
      .setPath(ChatPath)
      .addSuccess(Envelope.success(ReadAnswer))
      .addError(deviceNotConnected).addError(deviceBusy).addError(whatsAppUnanswered).addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Mark a chat as read",
        description: "Its writer sees it, unless the account's privacy settings forbid that. `read` says how many messages were " +
          "unread: at most 1000 at a time, newest first."
      }))
  )
  .add(
    HttpApiEndpoint.post("typing", "/devices/:deviceId/chats/:jid/typing")
      .setPath(ChatPath).setPayload(TypingBody)
      .addSuccess(Envelope.success(TypingAnswer))
      .addError(deviceNotConnected).addError(deviceBusy).addError(whatsAppUnanswered).addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Show that somebody writes or speaks",
        description: "`composing`, `recording` or `paused`; WhatsApp hides it by itself after some seconds. Shown now or not at all."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Kinds of messages", description: "Messages other than texts and files, and what is done to messages and chats." }))
