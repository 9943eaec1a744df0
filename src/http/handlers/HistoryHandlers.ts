import { HttpApiBuilder } from "@effect/platform"
import { DateTime, Effect } from "effect"
import { type Day, dayOf, type TimeZone } from "../../domain/Calendar.ts"
import { isGroupJid, type Jid } from "../../domain/Jid.ts"
import { type ChatOfDay, DailyChats } from "../../sql/messages/DailyChats.ts"
import { type HistoryQuery, Messages } from "../../sql/messages/Messages.ts"
import { MessageSearch, wordsOf } from "../../sql/messages/MessageSearch.ts"
import { Waiting } from "../../sql/outbox/Waiting.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"

export const layer = HttpApiBuilder.group(Api, "history", (handlers) =>
  Effect.gen(function*() {
    const messages = yield* Messages
    const chats = yield* DailyChats
    const search = yield* MessageSearch
    const waiting = yield* Waiting

    const history = Effect.fnUntraced(function*(chat: Jid, query: Omit<HistoryQuery, "chat">) {
      const { device } = yield* CallerDevice
      const items = yield* waiting.explain(device, yield* messages.history(device.deviceId, { chat, ...query }))
      const last = items.at(-1)
      if (last === undefined || items.length < query.limit) return page(items, query.limit, ({ id }) => id)
      const next = query.after === undefined ? { before: last.id } : { after: last.id }
      const more = yield* messages.history(device.deviceId, { chat, ...query, ...next, limit: 1 })
      return page([...items, ...more], query.limit, ({ id }) => id)
    })

    const daily = Effect.fnUntraced(function*({ date, limit, ...query }: {
      readonly date?: Day | undefined
      readonly timeZone: TimeZone
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const day = date ?? dayOf(query.timeZone, (yield* DateTime.now).epochMillis)
      const totals = yield* chats.totals(device.deviceId, { day, timeZone: query.timeZone })
      const found = yield* chats.list(device.deviceId, { ...query, day, limit: limit + 1 })
      const { items, ...rest } = page(found, limit, ({ lastMessage }) => lastMessage.id)
      return { date: day, timeZone: query.timeZone, ...totals, items: items.map(dailyChat), ...rest }
    })

    return handlers
      .handle("chatHistory", ({ path, urlParams }) => history(path.jid, urlParams))
      .handle("groupChatHistory", ({ path, urlParams }) => history(path.groupId, urlParams))
      .handle("dailyChatList", ({ urlParams }) => daily(urlParams))
      .handle("searchMessages", ({ urlParams: { before, limit, q } }) =>
        Effect.gen(function*() {
          const { device } = yield* CallerDevice
          const found = yield* waiting.explain(device, yield* search.find(device.deviceId, { words: wordsOf(q), before, limit: limit + 1 }))
          return page(found, limit, ({ id }) => id)
        }))
  }))

const dailyChat = ({ lastMessage, ...chat }: ChatOfDay) => ({
  chat: lastMessage.chat,
  isGroup: isGroupJid(lastMessage.chat.jid),
  name: chat.name,
  lastMessage,
  lastMessageTime: lastMessage.timestamp,
  messageCount: chat.incomingMessages + chat.outgoingMessages,
  incomingMessages: chat.incomingMessages,
  outgoingMessages: chat.outgoingMessages,
  unreadCount: chat.unreadCount
})
