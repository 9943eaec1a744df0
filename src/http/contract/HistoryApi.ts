import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Day, TimeZone } from "../../domain/Calendar.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { ChatRef, Direction, Message, MessageStatus, MessageType } from "../../domain/Message.ts"
import { mostUnread } from "../../sql/messages/DailyChats.ts"
import { shortestWord, wordsOf } from "../../sql/messages/MessageSearch.ts"
import * as Envelope from "../Envelope.ts"
import { GroupAddress, PersonAddress } from "./Addresses.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import { limitOf, pageOf, RowId } from "./Paging.ts"

/** The zone in which days begin and end. */
export const timeZone = Schema.optionalWith(
  TimeZone.annotations({ jsonSchema: { type: "string", default: "UTC", examples: ["Asia/Jakarta"] } }),
  { default: () => Schema.decodeSync(TimeZone)("UTC") }
)
export const date = Day.annotations({ jsonSchema: { type: "string", format: "date", examples: ["2026-01-31"] } })

const instant = Schema.String.pipe(
  Schema.pattern(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/, {
    message: () => "a time is expected, such as 2026-01-31T00:00:00Z"
  }),
  Schema.compose(Schema.DateTimeUtc)
).annotations({ jsonSchema: { type: "string", format: "date-time", examples: ["2026-01-31T00:00:00Z"] } })
const filters = Schema.Struct({
  before: Schema.optional(RowId),
  after: Schema.optional(RowId),
  direction: Schema.optional(Direction),
  type: Schema.optional(MessageType),
  status: Schema.optional(MessageStatus),
  from: Schema.optional(instant),
  to: Schema.optional(instant),
  limit: limitOf(200, 50)
})
const paged = "Newest first; `nextCursor` is the `before` of the next page. With `after` oldest first, and `nextCursor` is the " +
  "next `after`. `from` is the first moment that counts, `to` the first that does not. `historical` messages are from before " +
  "the pairing. "

const Words = Schema.String.pipe(
  Schema.maxLength(200),
  Schema.filter((text) => wordsOf(text).length > 0, {
    message: () => `at least one word of ${shortestWord} letters or more is expected`
  })
).annotations({ jsonSchema: { type: "string", maxLength: 200, examples: ["terima kasih"] } })

/** A chat of one day. `unreadCount` is as of now. */
const DailyChat = Schema.Struct({
  chat: ChatRef,
  isGroup: Schema.Boolean,
  name: Schema.NullOr(Schema.String),
  lastMessage: Message,
  lastMessageTime: Schema.DateTimeUtc,
  messageCount: Schema.Int,
  incomingMessages: Schema.Int,
  outgoingMessages: Schema.Int,
  unreadCount: Schema.Int
}).annotations({ identifier: "DailyChat" })

export const HistoryApi = HttpApiGroup.make("history")
  .add(
    HttpApiEndpoint.get("chatHistory", "/devices/:deviceId/chat-history/:jid")
      .setPath(Schema.Struct({ deviceId: DeviceId, jid: PersonAddress }))
      .setUrlParams(filters)
      .addSuccess(Envelope.success(pageOf(Message)))
      .annotateContext(OpenApi.annotations({
        summary: "What was said with a person",
        description: `${paged}\`:jid\` is a phone number in any form, or an address; phone number and LID of a person are one chat.`
      }))
  )
  .add(
    HttpApiEndpoint.get("groupChatHistory", "/devices/:deviceId/group-chat-history/:groupId")
      .setPath(Schema.Struct({ deviceId: DeviceId, groupId: GroupAddress }))
      .setUrlParams(filters)
      .addSuccess(Envelope.success(pageOf(Message)))
      .annotateContext(OpenApi.annotations({
        summary: "What was said in a group",
        description: `${paged}\`:groupId\` is the group's address, with or without \`@g.us\`; \`participant\` says who wrote.`
      }))
  )
  .add(
    HttpApiEndpoint.get("dailyChatList", "/devices/:deviceId/daily-chat-list")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({
        date: Schema.optional(date),
        timeZone,
        after: Schema.optional(RowId),
        limit: limitOf(100, 50)
      }))
      .addSuccess(Envelope.success(Schema.Struct({
        date: Day,
        timeZone: TimeZone,
        totalChats: Schema.Int,
        incomingMessages: Schema.Int,
        outgoingMessages: Schema.Int,
        ...pageOf(DailyChat).fields
      })))
      .annotateContext(OpenApi.annotations({
        summary: "The chats of a day",
        description: "Those in which something was said on `date` (today, if it is left out) in `timeZone`, with the newest " +
          "message of that day, the latest first. `nextCursor` is the `after` of the next page. `unreadCount` is how many " +
          `messages have come since the last one of ours, at most ${mostUnread}.`
      }))
  )
  .add(
    HttpApiEndpoint.get("searchMessages", "/devices/:deviceId/messages/search")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({ q: Words, before: Schema.optional(RowId), limit: limitOf(100, 50) }))
      .addSuccess(Envelope.success(pageOf(Message)))
      .annotateContext(OpenApi.annotations({
        summary: "Search messages",
        description: "Messages with all the words of `q`, regardless of case, accents and punctuation; `pesan*` finds the words " +
          "that begin so. What came last stands first, and `nextCursor` is the `before` of the next page. Words of less than " +
          `${shortestWord} letters, and a few of English such as 'the', are left out.`
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "History", description: "What was said, by chat, by day and by word." }))
