import { proto, unpadRandomMax16 } from "@whiskeysockets/baileys"
import { DateTime, Schema } from "effect"
import type { ContactFact } from "../../domain/Contact.ts"
import { Inbound, type Origin } from "../../domain/Inbound.ts"
import { bareJid, isGroupJid, isJid, isLidJid, isPhoneJid, type Jid, userOf } from "../../domain/Jid.ts"
import { MessageId } from "../../domain/Message.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { JournalRecord } from "./JournalRecord.ts"
import { type ChangingContent, classify } from "./MessageContent.ts"

type Attrs = JournalRecord["attrs"]
type Me = JournalRecord["me"]

const isPhone = Schema.is(PhoneNumber)
const messageId = Schema.decodeSync(MessageId)
const isMessageId = Schema.is(MessageId)

/** Turns what the journal holds into facts. One entry is one fact, except where the phone answers for several messages. */
export const factsOf = (record: JournalRecord): ReadonlyArray<Inbound> => {
  const { attrs, kind, me } = record
  const from = attrs["from"] ?? ""
  if (kind === "receipt") return receiptFacts(record)
  if (kind === "history" || kind === "group") return [Inbound.Internal({ kind })]
  if (from.endsWith("@broadcast")) return [Inbound.Internal({ kind: "broadcast" })]
  const timestamp = secondsOf(attrs["t"])
  if (kind === "undecryptable") {
    return [
      Inbound.Undecryptable({
        origin: originOf(attrs, me, undefined),
        messageId: messageId(attrs["id"] ?? ""),
        timestamp,
        reason: record.reason ?? "unknown"
      })
    ]
  }
  if (record.plaintext === undefined) return [Inbound.Internal({ kind: "cleared" })]
  const payload = unpadRandomMax16(Buffer.from(record.plaintext, "base64"))
  const message = proto.Message.decode(payload)
  const content = classify(message)
  if ("internal" in content) {
    const resent = resentMessages(message, me)
    return resent.length > 0 ? resent : [Inbound.Internal({ kind: content.internal })]
  }
  if ("change" in content) {
    const changed = changeFact(record, content, originOf(attrs, me, message.deviceSentMessage?.destinationJid ?? undefined))
    return [changed ?? Inbound.Internal({ kind: content.change._tag })]
  }
  return [
    Inbound.Message({
      origin: originOf(attrs, me, message.deviceSentMessage?.destinationJid ?? undefined),
      messageId: messageId(attrs["id"] ?? ""),
      ...content,
      payload,
      timestamp,
      offline: attrs["offline"] !== undefined
    })
  ]
}

/** None for what nobody may change, or we do not keep: other people's messages, and the status list. */
const changeFact = ({ attrs, me }: JournalRecord, { at, change, key }: ChangingContent, origin: Origin): Inbound | undefined => {
  if (!isMessageId(key.id) || key.remoteJid?.endsWith("@broadcast")) return undefined
  // the key is written from the point of view of who makes the change
  const member = isGroupJid(origin.chat) ? personOf(key.participant ?? undefined) : undefined
  const own = key.fromMe === true
  const author = own
    ? (origin.fromMe ? "me" : origin.participant ?? "peer")
    : isGroupJid(origin.chat)
    ? (isMe(key.participant ?? undefined, me) ? "me" : member)
    : origin.fromMe
    ? "peer"
    : "me"
  if (author === undefined) return undefined
  // an administrator of a group may delete other people's messages; WhatsApp's server sees to it that he is one
  const mayChange = own || change._tag === "Reaction" || change._tag === "Vote" ||
    (change._tag === "Delete" && isGroupJid(origin.chat))
  if (!mayChange) return undefined
  const timestamp = secondsOf(attrs["t"])
  return Inbound.Changed({
    origin,
    messageId: messageId(attrs["id"] ?? ""),
    target: { messageId: key.id, author },
    change,
    // a clock that is a day ahead would make this change the last word for as long
    at: at === undefined || at > timestamp.epochMillis + dayMillis ? timestamp : DateTime.unsafeMake(at),
    timestamp,
    me: [me.id, me.lid].flatMap((address) => address === null || address === "" ? [] : [plainJid(address)])
  })
}
const dayMillis = 86_400_000

/** Both ids of a person from an address and its counterpart; devices and hosted servers make no other person. */
export const personOf = (address: string | undefined, other?: string | undefined, pushName?: string | undefined): ContactFact | undefined => {
  const fact: { -readonly [K in keyof ContactFact]: ContactFact[K] } = {}
  for (const candidate of [address, other]) {
    if (!candidate?.includes("@")) continue
    const jid = plainJid(candidate)
    if (isLidJid(jid)) fact.lid ??= jid
    else if (isPhoneJid(jid) && isPhone(userOf(jid))) fact.phone ??= userOf(jid) as PhoneNumber
  }
  if (fact.lid === undefined && fact.phone === undefined) return undefined
  return pushName ? { ...fact, pushName } : fact
}

export const plainJid = (address: string): Jid =>
  bareJid(address.replace(/@hosted\.lid$/, "@lid").replace(/@hosted$/, "@s.whatsapp.net"))

const isMe = (address: string | undefined, me: Me): boolean => {
  if (address === undefined) return false
  const jid = plainJid(address)
  return jid === plainJid(me.id) || (me.lid !== null && jid === plainJid(me.lid))
}

const originOf = (attrs: Attrs, me: Me, destination: string | undefined): Origin => {
  const from = attrs["from"] ?? ""
  if (isGroupJid(from)) {
    const fromMe = isMe(attrs["participant"], me)
    return {
      chat: plainJid(from),
      peer: undefined,
      participant: personOf(
        attrs["participant"],
        attrs["participant_pn"] ?? attrs["participant_lid"],
        fromMe ? undefined : attrs["notify"]
      ),
      fromMe
    }
  }
  const fromMe = isMe(from, me)
  const chat = fromMe ? (attrs["recipient"] ?? destination ?? from) : from
  const other = fromMe
    ? (isLidJid(plainJid(chat))
      ? (attrs["peer_recipient_pn"] ?? attrs["recipient_pn"])
      : (attrs["peer_recipient_lid"] ?? attrs["recipient_lid"]))
    : (attrs["sender_pn"] ?? attrs["sender_lid"])
  return {
    chat: plainJid(chat),
    peer: personOf(chat, isMe(chat, me) ? (me.lid === null ? me.id : isLidJid(plainJid(chat)) ? me.id : me.lid) : other, fromMe ? undefined : attrs["notify"]),
    participant: undefined,
    fromMe
  }
}

/** The status a type of receipt stands for; absent ones say nothing about our messages. */
export const receiptStatus: Readonly<Record<string, "sent" | "delivered" | "read">> = {
  "": "delivered",
  delivery: "delivered",
  // taken by a device that is not in the foreground
  inactive: "delivered",
  sender: "sent",
  read: "read",
  played: "read"
}

const receiptFacts = ({ attrs, ids, me }: JournalRecord): ReadonlyArray<Inbound> => {
  const status = receiptStatus[attrs["type"] ?? ""]
  const from = attrs["from"] ?? ""
  const own = isMe(attrs["participant"] ?? from, me)
  // our own devices say `sender` when they have their copy; anything else they say is about messages of other people
  if (status === undefined || ids === undefined || own !== (attrs["type"] === "sender")) {
    return [Inbound.Internal({ kind: `receipt.${attrs["type"] ?? ""}` })]
  }
  const chat = own ? (attrs["recipient"] ?? from) : from
  const group = isGroupJid(chat)
  return [
    Inbound.Receipt({
      origin: {
        chat: plainJid(chat),
        peer: group ? undefined : personOf(chat, own ? undefined : (attrs["sender_pn"] ?? attrs["sender_lid"])),
        participant: group ? personOf(attrs["participant"], attrs["participant_pn"] ?? attrs["participant_lid"]) : undefined,
        fromMe: true
      },
      messageIds: ids.map((id) => messageId(id)),
      status,
      timestamp: secondsOf(attrs["t"])
    })
  ]
}

/** What the phone gives for messages that WhatsApp delivered without their text. */
const resentMessages = (message: proto.Message, me: Me): ReadonlyArray<Inbound> => {
  const results = message.protocolMessage?.peerDataOperationRequestResponseMessage?.peerDataOperationResult ?? []
  return results.flatMap((result) => {
    const bytes = result.placeholderMessageResendResponse?.webMessageInfoBytes
    if (!bytes) return []
    return webMessageFact(proto.WebMessageInfo.decode(bytes), me) ?? []
  })
}

/** A message as the phone keeps it; undefined if people do not see it. */
export const webMessageFact = (info: proto.IWebMessageInfo, me: Me): Extract<Inbound, { _tag: "Message" }> | undefined => {
  const content = info.message ? classify(info.message) : undefined
  const { fromMe, id, participant, remoteJid } = info.key ?? {}
  if (content === undefined || !("content" in content) || !info.message || !isMessageId(id) || !remoteJid) return undefined
  const chat = plainJid(remoteJid)
  if (!isJid(chat) || chat.endsWith("@broadcast")) return undefined
  const group = isGroupJid(chat)
  const author = participant ?? info.participant ?? undefined
  return Inbound.Message({
    origin: {
      chat,
      peer: group ? undefined : personOf(chat),
      participant: group ? personOf(fromMe ? me.id : author, undefined, info.pushName ?? undefined) : undefined,
      fromMe: fromMe ?? false
    },
    messageId: id,
    ...content,
    payload: proto.Message.encode(info.message).finish(),
    timestamp: secondsOf(String(info.messageTimestamp ?? 0)),
    offline: true
  })
}

/** Where the phone's history notification points to; undefined if anyone but our own phone sent it. */
export const historyNotification = ({ attrs, me, plaintext }: JournalRecord): Uint8Array | undefined => {
  if (plaintext === undefined || !isMe(attrs["from"], me)) return undefined
  const notification = proto.Message.decode(unpadRandomMax16(Buffer.from(plaintext, "base64"))).protocolMessage?.historySyncNotification
  return notification ? proto.Message.HistorySyncNotification.encode(notification).finish() : undefined
}

const secondsOf = (t: string | undefined) => DateTime.unsafeMake(Number(t ?? 0) * 1000)
