import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { MediaRequests } from "../../actors/media/MediaRequests.ts"
import type { Jid } from "../../domain/Jid.ts"
import { MediaNotStored } from "../../domain/Media.ts"
import { MediaLibrary } from "../../media/MediaLibrary.ts"
import { MessageMediaRows } from "../../sql/messages/MessageMedia.ts"
import { Api } from "../Api.ts"
import { GroupMediaByReference, GroupMediaFields, MediaByReference, MediaFields } from "../contract/MediaBody.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { fileAnswer } from "../media/FileAnswer.ts"
import { makeMediaSending } from "../media/MediaSending.ts"
import { makeGroupReading } from "./GroupReading.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "media", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const media = yield* makeMediaSending
    const requests = yield* MediaRequests
    const library = yield* MediaLibrary
    const rows = yield* MessageMediaRows
    const reading = yield* makeGroupReading

    return handlers
      .handleRaw("sendMedia", ({ path: { deviceId }, request, ...call }) =>
        media.read({
          deviceId,
          request,
          reference: MediaByReference,
          form: MediaFields,
          to: ({ phone }) => phone as Jid,
          send: (asked) => send(asked.request, call, asked.identity)
        }))
      .handleRaw("sendGroupMedia", ({ path: { deviceId, groupId }, request, ...call }) =>
        Effect.gen(function*() {
          const { device } = yield* CallerDevice
          yield* reading.writable(device, groupId)
          return yield* media.read({
            deviceId,
            request,
            reference: GroupMediaByReference,
            form: GroupMediaFields,
            to: () => groupId,
            send: (asked) => send(asked.request, call, asked.identity)
          })
        }))
      .handleRaw("uploadMedia", ({ path: { deviceId }, request }) => media.keep(deviceId, request))
      .handleRaw("messageMedia", ({ path: { deviceId, messageId }, request }) =>
        Effect.gen(function*() {
          const file = yield* rows.file(deviceId, messageId)
          return yield* Effect.catchTag(fileAnswer(library, request, file, messageId), "FileMissing", () =>
            new MediaNotStored({ messageId, state: "expired", reason: "gone" }))
        }))
      .handle("fetchMessageMedia", ({ path: { deviceId, messageId } }) =>
        Effect.map(requests.fetch(deviceId, messageId), (state) => ({ messageId, state })))
  }))
