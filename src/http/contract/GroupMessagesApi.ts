import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import {
  deviceNotFound, groupNotFound, idempotencyConflict, messageNotChangeable, messageNotFound, notGroupAdmin, notGroupMember
} from "./Failures.ts"
import { GroupPath, GroupTextBody, MentionBody } from "./GroupBodies.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

const asSent = "Waits and is answered like a text to a person; `wait`, `timeout` and `Idempotency-Key` mean the same. In a group that the " +
  "device is not in, or where only administrators write, nothing is accepted."

/** Texts into groups. */
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
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Messages into groups", description: "Texts into groups." }))
