import { downloadAndProcessHistorySyncNotification, proto } from "@whiskeysockets/baileys"
import { Array, Effect, Predicate } from "effect"
import type { HistoryMessage, HistoryPart, HistoryPiece, HistoryStatus } from "../../domain/History.ts"
import { isGroupJid, isJid } from "../../domain/Jid.ts"
import { type Connection, HistoryGone, QueryFailed } from "../Connection.ts"
import { contactFacts } from "./ContactFacts.ts"
import type { Egress } from "../socket/Egress.ts"
import { personOf, webMessageFact } from "./InboundFacts.ts"
import type { JournalRecord } from "./JournalRecord.ts"

type Downloaded = Awaited<ReturnType<typeof downloadAndProcessHistorySyncNotification>>
type Me = JournalRecord["me"]

const messagesAtOnce = 100
const contactsAtOnce = 500
/** WhatsApp's media servers, of a file that they no longer have */
const gone = new Set<unknown>([403, 404, 410])

/** Fetches what a history notification points to, or reads what it carries. */
export const makeHistoryDownload = (egress: Egress, me: () => Me): Pick<Connection, "history"> => ({
  history: Effect.fn("WhatsApp.history")((notification) =>
    Effect.tryPromise({
      try: async () => {
        const message = proto.Message.HistorySyncNotification.decode(notification)
        // Node's `fetch` takes undici's dispatchers, which its types have under another name
        const options = { dispatcher: egress.dispatcher } as unknown as RequestInit
        return historyPiece(await downloadAndProcessHistorySyncNotification(message, options), me())
      },
      catch: (cause) => {
        const status = Predicate.hasProperty(cause, "output") && Predicate.hasProperty(cause.output, "statusCode")
          ? cause.output.statusCode
          : undefined
        return gone.has(status) ? new HistoryGone({ cause }) : new QueryFailed({ query: "history", cause })
      }
    })
  )
})

/** What Baileys makes of a piece, in our words and in the order in which it was written. */
export const historyPiece = (data: Downloaded, me: Me): HistoryPiece => {
  const messages = data.messages.toSorted((one, other) => secondsOf(one) - secondsOf(other))
  const unread = unreadOf(data.chats, messages)
  const contacts = [
    ...data.lidPnMappings.flatMap(({ lid, pn }) => personOf(lid, pn) ?? []),
    ...contactFacts(data.contacts)
  ]
  const groups = data.chats.flatMap(({ id, name }) => id && name && isJid(id) && isGroupJid(id) ? [{ jid: id, name }] : [])

  const historyMessage = (info: proto.IWebMessageInfo): ReadonlyArray<HistoryMessage> => {
    const fact = webMessageFact(info, me)
    if (fact === undefined) return []
    return [{ fact, status: fact.origin.fromMe ? sentStatus(info) : unread.has(info) ? "delivered" : "read" }]
  }
  function* parts(): Generator<HistoryPart> {
    for (const some of Array.chunksOf(contacts, contactsAtOnce)) yield { contacts: some, groups: [], messages: [] }
    for (const some of Array.chunksOf(groups, contactsAtOnce)) yield { contacts: [], groups: some, messages: [] }
    while (messages.length > 0) {
      yield { contacts: [], groups: [], messages: messages.splice(0, messagesAtOnce).flatMap(historyMessage) }
    }
  }
  return {
    syncType: data.syncType == null ? "UNKNOWN" : proto.HistorySync.HistorySyncType[data.syncType],
    progress: data.progress ?? null,
    chats: data.chats.length,
    contacts: contacts.length,
    messages: messages.length,
    parts: parts()
  }
}

const secondsOf = (info: proto.IWebMessageInfo) => Number(String(info.messageTimestamp ?? 0))

/** The phone counts a chat's unread messages from its end. */
const unreadOf = (chats: Downloaded["chats"], messages: ReadonlyArray<proto.IWebMessageInfo>) => {
  const left = new Map(chats.map((chat) => [chat.id, chat.unreadCount ?? 0]))
  const unread = new Set<proto.IWebMessageInfo>()
  for (const info of messages.toReversed()) {
    const chat = info.key?.remoteJid
    const count = left.get(chat) ?? 0
    if (info.key?.fromMe || count <= 0) continue
    left.set(chat, count - 1)
    unread.add(info)
  }
  return unread
}

const { Status } = proto.WebMessageInfo
const sentStatus = ({ status }: proto.IWebMessageInfo): HistoryStatus =>
  status === Status.READ || status === Status.PLAYED ? "read" : status === Status.DELIVERY_ACK ? "delivered" : "sent"
