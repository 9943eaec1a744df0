import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Api } from "../Api.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "kinds", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const actors = yield* DeviceActors

    return handlers
      .handle("sendLocation", ({ payload, ...call }) => {
        const { address = null, latitude, longitude, name = null, phone, quotedMessageId } = payload
        const content = { _tag: "Location", latitude, longitude, name, address } as const
        return send(SendRequest.New({ to: phone, content, quoted: quotedMessageId }), call)
      })
      .handle("sendContact", ({ payload, ...call }) => {
        const contacts = payload.contacts.map(({ email = null, name, organization = null, phone }) => ({ name, phone, organization, email }))
        return send(
          SendRequest.New({ to: payload.phone, content: { _tag: "Contacts", contacts }, quoted: payload.quotedMessageId }),
          call
        )
      })
      .handle("sendPoll", ({ payload, ...call }) => {
        const { name, options, phone, quotedMessageId, selectableCount: selectable } = payload
        return send(SendRequest.New({ to: phone, content: { _tag: "Poll", name, options, selectable }, quoted: quotedMessageId }), call)
      })
      .handle("sendReaction", ({ payload, ...call }) =>
        send(SendRequest.Reaction({ target: payload.messageId, emoji: payload.emoji || null }), call))
      .handle("editMessage", ({ path, payload, ...call }) =>
        send(SendRequest.Edit({ target: path.messageId, text: payload.message, mentions: payload.mentions ?? [] }), call))
      .handle("deleteMessage", ({ path, ...call }) => send(SendRequest.Delete({ target: path.messageId }), call))
      .handle("forwardMessage", ({ path, payload, ...call }) =>
        send(SendRequest.Forward({ to: payload.phone, source: path.messageId }), call))
      .handle("readChat", ({ path: { deviceId, jid } }) =>
        Effect.map(actors.markRead(deviceId, jid), (read) => ({ chat: jid, read })))
      .handle("typing", ({ path: { deviceId, jid }, payload: { state } }) =>
        Effect.as(actors.showState(deviceId, jid, state), { chat: jid, state }))
  }))
