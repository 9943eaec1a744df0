import { type DateTime, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Inbound } from "../../domain/Inbound.ts"
import type { MessageId, MessageStatus } from "../../domain/Message.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import { bytes } from "../database/Dialect.ts"
import type { Place } from "./Mention.ts"
import { moved, statusColumns, statusEvents, type Tracked, type TrackedRow } from "./StatusChange.ts"
import type { Countable } from "../statistics/Tally.ts"

type Told = Extract<Inbound, { readonly _tag: "Message" | "Undecryptable" }>

/** A message as it is known while a batch is recorded: stored (`id`), or new (`row`). */
interface Entry {
  readonly known: KnownRow | undefined
  readonly outgoing: boolean
  readonly counted: Omit<Countable, "messageType" | "status" | "sentAt">
  /** it is here for the first time, as far as anyone was told */
  appears: boolean
  unreadable: boolean
  tracked: Tracked
  moved: boolean
  row: Record<string, unknown> | undefined
  text: Record<string, unknown> | undefined
}

export interface KnownRow extends TrackedRow {
  readonly senderKey: string
}

interface Owner {
  readonly deviceId: DeviceId
  readonly userId: number
  readonly id: number
}

/** What a batch of facts makes of the messages that are known; it is written afterwards in few statements. */
export const makeLedger = (
  device: Owner,
  known: ReadonlyArray<KnownRow>,
  now: number,
  /** whether a message's file is fetched without anyone asking */
  fetches: (fact: Told) => boolean
) => {
  const { deviceId } = device
  const events: Array<NewEvent> = []
  const entries = new Map<string, Entry>()
  const outgoing = new Map<MessageId, Array<Entry>>()

  const add = (key: string, entry: Entry) => {
    entries.set(key, entry)
    if (!entry.outgoing) return
    const { messageId } = entry.tracked
    outgoing.set(messageId, [...outgoing.get(messageId) ?? [], entry])
  }
  for (const row of known) {
    add(keyOf(row.messageId, row), {
      known: row,
      outgoing: row.direction === "outgoing",
      counted: { chatKey: row.chatKey, direction: row.direction, timestamp: row.timestamp, historical: false },
      appears: false,
      unreadable: row.messageType === "undecryptable",
      tracked: row,
      moved: false,
      row: undefined,
      text: undefined
    })
  }

  const move = (entry: Entry, status: MessageStatus, at: DateTime.Utc) => {
    const next = moved(entry.tracked, status, at)
    if (next === undefined) return
    entry.tracked = next
    entry.moved = true
    events.push(...statusEvents(deviceId, next, at))
  }

  const tell = (fact: Told, place: Place, recovered: boolean) => {
    const { messageId, timestamp } = fact
    const { chat, participant } = place
    if (fact._tag === "Undecryptable") {
      const data = { messageId, chat, participant, timestamp, reason: fact.reason }
      events.push({ type: "message.undecryptable", deviceId, data })
      return
    }
    events.push({
      type: fact.origin.fromMe ? "message.sent" : "message.received",
      deviceId,
      data: {
        messageId,
        chat,
        from: place.from,
        to: place.to,
        participant,
        pushName: place.pushName,
        direction: fact.origin.fromMe ? "outgoing" : "incoming",
        messageType: fact.messageType,
        content: fact.content,
        metadata: fact.metadata,
        media: fact.secrets?.media?.mediaKey === undefined ? null : { state: fetches(fact) ? "pending" : "available", reason: null },
        timestamp,
        people: [],
        offline: fact.offline,
        recovered
      }
    })
  }

  const insert = (fact: Told, place: Place) => {
    const { fromMe } = fact.origin
    const at = fact.timestamp.epochMillis
    const tracked: Tracked = {
      messageId: fact.messageId,
      chat: place.chat,
      messageType: fact._tag === "Undecryptable" ? "undecryptable" : fact.messageType,
      status: fromMe ? "sent" : "delivered",
      failure: null,
      sentAt: fromMe ? at : null,
      deliveredAt: null,
      readAt: null
    }
    add(keyOf(fact.messageId, place.columns), {
      known: undefined,
      outgoing: fromMe,
      counted: {
        chatKey: place.columns.chatKey,
        direction: fromMe ? "outgoing" : "incoming",
        timestamp: at,
        historical: false
      },
      appears: true,
      unreadable: fact._tag === "Undecryptable",
      tracked,
      moved: false,
      row: rowOf(device, fact, place, now),
      text: textColumns(fact)
    })
    tell(fact, place, false)
  }

  return {
    said: (fact: Told, place: Place) => {
      const { fromMe } = fact.origin
      const same = fromMe
        ? outgoing.get(fact.messageId)?.[0]
        : entries.get(keyOf(fact.messageId, place.columns))
      if (same === undefined) return insert(fact, place)
      if (fact._tag === "Message" && same.known?.historical === true && !same.appears) {
        same.appears = true
        same.text = { ...textColumns(fact), historical: 0 }
        return tell(fact, place, false)
      }
      if (fact._tag === "Message" && same.unreadable) {
        same.unreadable = false
        same.text = { ...same.text, ...textColumns(fact) }
        return tell(fact, place, true)
      }
      // our own message comes back from the server: so it has gone out
      if (fromMe) move(same, "sent", fact.timestamp)
    },
    /** A change that we sent comes back from the server. */
    echoed: (fact: Extract<Inbound, { readonly _tag: "Changed" }>) => {
      const same = fact.origin.fromMe ? outgoing.get(fact.messageId)?.[0] : undefined
      if (same !== undefined) move(same, "sent", fact.timestamp)
    },
    // by id alone: a receipt may come under another address of the same person, and only we choose ids of what we send
    receipt: (fact: Extract<Inbound, { readonly _tag: "Receipt" }>) => {
      for (const messageId of fact.messageIds) {
        for (const entry of outgoing.get(messageId) ?? []) move(entry, fact.status, fact.timestamp)
      }
    },
    result: () => {
      const all = [...entries.values()]
      return {
        events,
        inserts: all.flatMap(({ row, text, tracked }) =>
          row === undefined ? [] : [{ ...row, ...text, ...statusColumns(tracked) }]
        ),
        recovered: all.flatMap(({ known, text }) => known === undefined || text === undefined ? [] : [{ id: known.id, text }]),
        /** whose text has just come */
        fresh: all.flatMap(({ text, tracked }) => text === undefined ? [] : [tracked.messageId]),
        moves: all.flatMap(({ known, moved, tracked }) => known === undefined || !moved ? [] : [{ ...known, ...tracked }]),
        appeared: all.flatMap(({ appears, counted, tracked }) => appears ? [{ ...tracked, ...counted }] : [])
      }
    }
  }
}

/** The columns of a message that never change. */
export const rowOf = (device: Owner, fact: Told, place: Place, now: number) => ({
  userId: device.userId,
  sessionId: device.id,
  deviceId: device.deviceId,
  ...place.columns,
  messageId: fact.messageId,
  fromNumber: place.from,
  toNumber: place.to,
  direction: fact.origin.fromMe ? "outgoing" : "incoming",
  timestamp: fact.timestamp.epochMillis,
  createdAt: now,
  updatedAt: now
})

export const keyOf = (messageId: MessageId, { chatKey, senderKey }: { readonly chatKey: string; readonly senderKey: string }) =>
  `${messageId} ${chatKey} ${senderKey}`

export const textColumns = (fact: Told) =>
  fact._tag === "Undecryptable"
    ? { messageType: "undecryptable", content: null, metadata: null, secrets: null, payload: null }
    : {
      messageType: fact.messageType,
      content: fact.content,
      metadata: fact.metadata === null ? null : encodeMetadata(fact.metadata),
      secrets: fact.secrets === undefined ? null : encodeSecrets(fact.secrets),
      payload: bytes(fact.payload)
    }

const encodeMetadata = Schema.encodeSync(Schema.parseJson(MessageMetadata))
const encodeSecrets = Schema.encodeSync(Schema.parseJson(MessageSecrets))
