import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import type { Jid } from "../../domain/Jid.ts"
import type { MessageId } from "../../domain/Message.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { makeGroupReading } from "./GroupReading.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "groupMessages", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const reading = yield* makeGroupReading

    /** Who is in the group when the message is accepted. */
    const mentioned = Effect.fnUntraced(function*(groupId: Jid, mentions: ReadonlyArray<Jid | "@all">) {
      const { device } = yield* CallerDevice
      const participants = yield* reading.writable(device, groupId)
      const others = participants.filter(({ jid, lid }) => jid !== device.jid && (lid === null || lid !== device.lid))
      return [...new Set(mentions.flatMap((each) => each === "@all" ? others.map(({ jid }) => jid) : [each]))]
    })

    return handlers
      .handle("sendGroupMessage", ({ payload: { groupId, message, quotedMessageId }, ...call }) =>
        Effect.zipRight(mentioned(groupId, []), send(text(groupId, message, [], quotedMessageId), call)))
      .handle("mentionMessage", ({ path: { groupId }, payload: { mentions, message, quotedMessageId }, ...call }) =>
        Effect.flatMap(mentioned(groupId, mentions), (people) =>
          // the same request later is the same, whoever has come and gone since
          send(text(groupId, message, people, quotedMessageId), call, [groupId, message, mentions, quotedMessageId])))
  }))

const text = (to: Jid, message: string, mentions: ReadonlyArray<Jid>, quoted: MessageId | undefined) =>
  SendRequest.New({ to, content: { _tag: "Text", text: message, mentions, preview: null }, quoted })
