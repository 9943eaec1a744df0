import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import type { Jid } from "../../domain/Jid.ts"
import type { Direction, Message } from "../../domain/Message.ts"
import { SendRequest } from "../../domain/OutgoingContent.ts"
import { Contacts } from "../../sql/Contacts.ts"
import { Messages } from "../../sql/Messages.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "messaging", (handlers) =>
  Effect.gen(function*() {
    const send = yield* makeSendRequests
    const messages = yield* Messages
    const contacts = yield* Contacts

    const history = Effect.fnUntraced(function*(chat: Jid, query: {
      readonly before?: number | undefined
      readonly after?: number | undefined
      readonly direction?: Direction | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const items = yield* messages.history(device.deviceId, { chat, ...query })
      const last = items.at(-1)
      if (last === undefined || items.length < query.limit) return page(items, null)
      const next = query.after === undefined ? { before: last.id } : { after: last.id }
      const more = yield* messages.history(device.deviceId, { chat, direction: query.direction, ...next, limit: 1 })
      return page(items, more.length > 0 ? last.id : null)
    })

    const people = Effect.fnUntraced(function*(query: {
      readonly search?: string | undefined
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const found = yield* contacts.list(device.deviceId, { ...query, limit: query.limit + 1 })
      const items = found.slice(0, query.limit)
      const hasMore = found.length > query.limit
      return { items, nextCursor: hasMore ? items.at(-1)!.id : null, hasMore }
    })

    return handlers
      .handle("sendMessage", ({ payload, ...call }) => {
        const { mentions = [], message, phone, preview, quotedMessageId } = payload
        const shown = preview === undefined ? null : { ...preview, description: preview.description ?? null }
        const content = { _tag: "Text", text: message, mentions, preview: shown } as const
        return send(SendRequest.New({ to: phone, content, quoted: quotedMessageId }), call)
      })
      .handle("chatHistory", ({ path, urlParams }) => history(path.jid, urlParams))
      .handle("contacts", ({ urlParams }) => people(urlParams))
  }))

const page = (items: ReadonlyArray<Message>, nextCursor: number | null) => ({
  items,
  nextCursor,
  hasMore: nextCursor !== null
})
