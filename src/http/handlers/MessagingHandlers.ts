import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Api } from "../Api.ts"
import type { TextBody } from "../contract/MessageBodies.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "messaging", (handlers) =>
  Effect.map(makeSendRequests, (send) =>
    handlers.handle("sendMessage", ({ payload, ...call }) => send(textRequest(payload), call))))

export const textRequest = ({ mentions = [], message, phone, preview, quotedMessageId }: typeof TextBody.Type): SendRequest => {
  const shown = preview === undefined ? null : { ...preview, description: preview.description ?? null }
  return SendRequest.New({ to: phone, content: { _tag: "Text", text: message, mentions, preview: shown }, quoted: quotedMessageId })
}
