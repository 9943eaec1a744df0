import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Api } from "../Api.ts"
import { mayManageGroups } from "../auth/Authorization.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { contactRequest, locationRequest, pollRequest } from "./KindRequests.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "kinds", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const actors = yield* DeviceActors

    return handlers
      .handle("sendLocation", ({ payload, ...call }) => send(locationRequest(payload.phone, payload), call))
      .handle("sendContact", ({ payload, ...call }) => send(contactRequest(payload.phone, payload), call))
      .handle("sendPoll", ({ payload, ...call }) => send(pollRequest(payload.phone, payload), call))
      .handle("sendReaction", ({ payload, ...call }) =>
        send(SendRequest.Reaction({ target: payload.messageId, emoji: payload.emoji || null }), call))
      .handle("editMessage", ({ path, payload, ...call }) =>
        send(SendRequest.Edit({ target: path.messageId, text: payload.message, mentions: payload.mentions ?? [] }), call))
      .handle("deleteMessage", ({ path: { messageId: target }, ...call }) =>
        Effect.flatMap(CallerDevice, ({ caller }) =>
          // by whom it is asked makes it no other request
          send(SendRequest.Delete({ target, ofOthers: mayManageGroups(caller) }), call, { target, _tag: "Delete" })))
      .handle("forwardMessage", ({ path, payload, ...call }) =>
        send(SendRequest.Forward({ to: payload.phone, source: path.messageId }), call))
      .handle("readChat", ({ path: { deviceId, jid } }) =>
        Effect.map(actors.markRead(deviceId, jid), (read) => ({ chat: jid, read })))
      .handle("typing", ({ path: { deviceId, jid }, payload: { state } }) =>
        Effect.as(actors.showState(deviceId, jid, state), { chat: jid, state }))
  }))
