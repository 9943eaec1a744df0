import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import {
  deviceBusy, deviceNotConnected, deviceNotFound, groupNotFound, idempotencyConflict, messageNotChangeable, messageNotFound, notGroupAdmin,
  notGroupMember, whatsAppUnanswered
} from "./Failures.ts"
import { GroupPath, GroupTextBody, MentionBody } from "./GroupBodies.ts"
import {
  GroupContactBody, GroupForwardBody, GroupLocationBody, GroupPollBody, ReadAnswer, TypingAnswer, TypingBody
} from "./MessageBodies.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

const asSent = "Waits and is answered like a text to a person; `wait`, `timeout` and `Idempotency-Key` mean the same. In a group that the " +
  "device is not in, or where only administrators write, nothing is accepted."

/** What is sent into groups, and what they are told without a message. */
export const GroupMessagesApi = HttpApiGroup.make("groupMessages")
  .add(
    HttpApiEndpoint.post("sendGroupMessage", "/devices/:deviceId/send-group-message")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(GroupTextBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({ summary: "Send a text into a group", description: asSent }))
  )
  .add(
    HttpApiEndpoint.post("mentionMessage", "/devices/:deviceId/groups/:groupId/mention-message")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(MentionBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Send a text into a group that mentions people",
        description: "Those in `mentions` are notified, and highlighted where the text has their number after an @; `@all` stands for " +
          `everybody in the group. ${asSent}`
      }))
  )
  .add(
    HttpApiEndpoint.post("sendGroupLocation", "/devices/:deviceId/groups/:groupId/send-location")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(GroupLocationBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({ summary: "Send a location into a group", description: asSent }))
  )
  .add(
    HttpApiEndpoint.post("sendGroupContact", "/devices/:deviceId/groups/:groupId/send-contact")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(GroupContactBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({ summary: "Send one or more contact cards into a group", description: asSent }))
  )
  .add(
    HttpApiEndpoint.post("sendGroupPoll", "/devices/:deviceId/groups/:groupId/send-poll")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(GroupPollBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Send a poll into a group",
        description: "2 to 12 options, each another one; `selectableCount` of them may be chosen, 0 stands for any number. Every " +
          `member's vote is counted in the message's \`votes\` and told as \`message.vote\`. ${asSent}`
      }))
  )
  .add(
    HttpApiEndpoint.post("forwardToGroup", "/devices/:deviceId/groups/:groupId/forward")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(GroupForwardBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound).addError(messageNotFound)
      .addError(messageNotChangeable).addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Forward a message into a group",
        description: `The one that \`messageId\` names, sent or received in any chat; what others wrote is marked as forwarded. ${asSent}`
      }))
  )
  .add(
    HttpApiEndpoint.post("readGroup", "/devices/:deviceId/groups/:groupId/read")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(ReadAnswer))
      .addError(deviceNotConnected).addError(deviceBusy).addError(whatsAppUnanswered).addError(deviceNotFound)
      .addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Mark a group as read",
        description: "Each writer sees it, unless the account's privacy settings forbid that. `read` says how many messages were unread: at " +
          "most 1000 at a time, newest first."
      }))
  )
  .add(
    HttpApiEndpoint.post("groupTyping", "/devices/:deviceId/groups/:groupId/typing")
      .setPath(GroupPath).setPayload(TypingBody)
      .addSuccess(Envelope.success(TypingAnswer))
      .addError(deviceNotConnected).addError(deviceBusy).addError(whatsAppUnanswered).addError(deviceNotFound)
      .addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Show a group that somebody writes or speaks",
        description: "`composing`, `recording` or `paused`; WhatsApp hides it by itself after some seconds. Shown now or not at all."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Messages into groups", description: "What is sent into groups and shown there." }))
