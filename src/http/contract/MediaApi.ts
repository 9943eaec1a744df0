import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { MediaState, StoredMedia } from "../../domain/Media.ts"
import { MessageId } from "../../domain/Message.ts"
import * as Envelope from "../Envelope.ts"
import { GroupAddress } from "./Addresses.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import {
  deviceNotFound, groupNotFound, idempotencyConflict, invalidMultipart, mediaNotFound, mediaNotStored, mediaStorageFull, mediaTooLarge,
  mediaTypeMismatch, mediaUnreachable, messageHasNoMedia, messageNotChangeable, messageNotFound, notGroupAdmin, notGroupMember
} from "./Failures.ts"
import { FileBody, GroupMediaBody, MediaBody } from "./MediaBody.ts"
import { PendingAnswer, sendFailed, SendHeaders, SentAnswer, WaitParams } from "./SendAnswer.ts"

const MessagePath = Schema.Struct({ deviceId: DeviceId, messageId: MessageId })
const sending = "As a form (`multipart/form-data`) with the file itself in `file`, after the other fields; or as JSON with its `url`, the " +
  "`mediaId` of an upload, or `sourceMessageId`, a message of this device whose file is stored. What the file is is told by its " +
  "bytes; `type` says as what it is to be sent, and is left out where that is clear. `voice` is a voice note (Ogg with Opus). An " +
  "address is fetched at once, from the public internet only. Waits and is answered like a text; `wait`, `timeout` and " +
  "`Idempotency-Key` mean the same. `to`, `message`, `mediaUrl` and `mediaType` are taken for `phone`, `caption`, `url` and `type`, and " +
  "`media` for the `file` of a form."

export const MediaApi = HttpApiGroup.make("media")
  .add(
    HttpApiEndpoint.post("sendMedia", "/devices/:deviceId/send-media")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(WaitParams).setPayload(MediaBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable).addError(messageHasNoMedia).addError(mediaNotStored).addError(mediaNotFound)
      .addError(mediaTooLarge).addError(mediaTypeMismatch).addError(mediaUnreachable).addError(mediaStorageFull).addError(invalidMultipart)
      .annotateContext(OpenApi.annotations({ summary: "Send an image, video, audio, voice note, document or sticker", description: sending }))
  )
  .add(
    HttpApiEndpoint.post("sendGroupMedia", "/devices/:deviceId/groups/:groupId/send-media")
      .setPath(Schema.Struct({ deviceId: DeviceId, groupId: GroupAddress })).setHeaders(SendHeaders).setUrlParams(WaitParams)
      .setPayload(GroupMediaBody)
      .addSuccess(Envelope.success(SentAnswer)).addSuccess(Envelope.success(PendingAnswer, { status: 202 }))
      .addError(sendFailed).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageNotChangeable).addError(messageHasNoMedia).addError(mediaNotStored).addError(mediaNotFound)
      .addError(mediaTooLarge).addError(mediaTypeMismatch).addError(mediaUnreachable).addError(mediaStorageFull).addError(invalidMultipart)
      .addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({ summary: "Send a file to a group", description: sending }))
  )
  .add(
    HttpApiEndpoint.post("uploadMedia", "/devices/:deviceId/media")
      .setPath(DevicePath).setPayload(FileBody)
      .addSuccess(Envelope.success(StoredMedia.annotations({ identifier: "StoredMedia" }), { status: 201 }))
      .addError(mediaTooLarge).addError(mediaStorageFull).addError(invalidMultipart)
      .annotateContext(OpenApi.annotations({
        summary: "Upload a file to be sent later",
        description: "The answer's `mediaId` names it in `send-media`, as often as wanted. It is kept for 24 hours after it was last " +
          "named, and as long as a message of it is."
      }))
  )
  .add(
    HttpApiEndpoint.get("messageMedia", "/devices/:deviceId/messages/:messageId/media")
      .setPath(MessagePath)
      .addSuccess(Schema.Uint8ArrayFromSelf.pipe(HttpApiSchema.withEncoding({ kind: "Uint8Array", contentType: "application/octet-stream" })))
      .addError(messageNotFound).addError(messageHasNoMedia).addError(mediaNotStored)
      .annotateContext(OpenApi.annotations({
        summary: "The file of a message",
        description: "As an attachment, with the type that its bytes show. Takes `Range` and `If-None-Match`. While the file is not " +
          "here the answer is 409, and `state` says why."
      }))
  )
  .add(
    HttpApiEndpoint.post("fetchMessageMedia", "/devices/:deviceId/messages/:messageId/media")
      .setPath(MessagePath)
      .addSuccess(Envelope.success(Schema.Struct({ messageId: MessageId, state: MediaState }), { status: 202 }))
      .addError(messageNotFound).addError(messageHasNoMedia).addError(mediaNotStored)
      .annotateContext(OpenApi.annotations({
        summary: "Fetch the file of a message",
        description: "One that is not here: not fetched by itself, failed, or let go of. `message.media` tells how it ended."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Media", description: "Files: sent, uploaded and fetched." }))
