import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { MessageId } from "../../domain/Message.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { makeGroupReading } from "./GroupReading.ts"
import { contactRequest, locationRequest, pollRequest } from "./KindRequests.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "groupMessages", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const reading = yield* makeGroupReading
    const actors = yield* DeviceActors

    /** Who is in the group when the message is accepted. */
    const mentioned = Effect.fnUntraced(function*(groupId: Jid, mentions: ReadonlyArray<Jid | "@all">) {
      const { device } = yield* CallerDevice
      const participants = yield* reading.writable(device, groupId)
      const others = participants.filter(({ jid, lid }) => jid !== device.jid && (lid === null || lid !== device.lid))
      return [...new Set(mentions.flatMap((each) => each === "@all" ? others.map(({ jid }) => jid) : [each]))]
    })

    const sendTo = Effect.fnUntraced(function*(groupId: Jid, ...asked: Parameters<typeof send>) {
      const { device } = yield* CallerDevice
      yield* reading.writable(device, groupId)
      return yield* send(...asked)
    })

    return handlers
      .handle("sendGroupMessage", ({ payload: { groupId, message, quotedMessageId }, ...call }) =>
        sendTo(groupId, text(groupId, message, [], quotedMessageId), call))
      .handle("mentionMessage", ({ path: { groupId }, payload: { mentions, message, quotedMessageId }, ...call }) =>
        Effect.flatMap(mentioned(groupId, mentions), (people) =>
          // the same request later is the same, whoever has come and gone since
          send(text(groupId, message, people, quotedMessageId), call, [groupId, message, mentions, quotedMessageId])))
      .handle("sendGroupLocation", ({ path: { groupId }, payload, ...call }) => sendTo(groupId, locationRequest(groupId, payload), call))
      .handle("sendGroupContact", ({ path: { groupId }, payload, ...call }) => sendTo(groupId, contactRequest(groupId, payload), call))
      .handle("sendGroupPoll", ({ path: { groupId }, payload, ...call }) => sendTo(groupId, pollRequest(groupId, payload), call))
      .handle("forwardToGroup", ({ path: { groupId }, payload: { messageId }, ...call }) =>
        sendTo(groupId, SendRequest.Forward({ to: groupId, source: messageId }), call))
      .handle("readGroup", ({ path: { deviceId, groupId } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => reading.joined(device, groupId)).pipe(
          Effect.zipRight(actors.markRead(deviceId, groupId)),
          Effect.map((read) => ({ chat: groupId, read }))
        ))
      .handle("groupTyping", ({ path: { deviceId, groupId }, payload: { state } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => reading.writable(device, groupId)).pipe(
          Effect.zipRight(actors.showState(deviceId, groupId, state)),
          Effect.as({ chat: groupId, state })
        ))
  }))

const text = (to: Jid, message: string, mentions: ReadonlyArray<Jid>, quoted: MessageId | undefined) =>
  SendRequest.New({ to, content: { _tag: "Text", text: message, mentions, preview: null }, quoted })
