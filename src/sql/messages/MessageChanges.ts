import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { ChatRef, MessageId } from "../../domain/Message.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { type Changeable, changeableFields, changed, choiceOf, KeptChange, overrules, slotOf, targetKey } from "./Changed.ts"
import { makeMediaIntake } from "./MessageMedia.ts"
import { chatColumns, chatFields, chatOf, messagesWithContacts } from "./MessageRow.ts"

/** A change that is news, with what its event tells. */
export interface NewChange extends KeptChange {
  readonly chat: ChatRef
  readonly participant: ChatRef | null
}

const Stored = Schema.Struct({ ...KeptChange.fields, id: Schema.Int })
const decodeStored = Schema.decodeUnknown(Schema.Array(Stored))

const Target = Schema.Struct({ ...chatFields, ...changeableFields, id: Schema.Int, senderKey: Schema.String })
const decodeTargets = Schema.decodeUnknown(Schema.Array(Target))
const targetColumns = `m.id, m.sender_key, m.message_id, m.message_type, m.content, m.metadata, m.secrets, m.edited_at,
  m.deleted_at, m.reactions, m.votes, ${chatColumns}`
const encodeColumns = Schema.encodeSync(Schema.Struct(changeableFields))
const encodeChange = Schema.encodeSync(KeptChange)

/** Keeps what messages change in others, and the changed messages as these leave them, whichever comes first. */
export const makeMessageChanges = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const media = yield* makeMediaIntake
  const targets = sql.literal(`SELECT ${targetColumns} FROM ${messagesWithContacts}`)

  const save = (row: typeof Target.Type, after: Changeable, now: number) => {
    const { content, deletedAt, editedAt, metadata, reactions, secrets, votes } = encodeColumns(after)
    const columns = { content, metadata, secrets, editedAt, deletedAt, reactions, votes, updatedAt: now }
    if (deletedAt === null) return sql`UPDATE messages SET ${sql.update(columns)} WHERE id = ${row.id}`
    // what was taken back is not kept in another form either, unless it has yet to go out
    return sql`UPDATE messages SET ${sql.update({ ...columns, payload: null })},
      outgoing = CASE WHEN queue IS NULL THEN NULL ELSE outgoing END WHERE id = ${row.id}`
  }

  /** The changes that count, of all messages with these ids. */
  const kept = Effect.fnUntraced(function*(deviceId: DeviceId, ids: ReadonlyArray<string>) {
    if (ids.length === 0) return []
    return yield* decodeStored(
      yield* sql`SELECT * FROM message_changes WHERE device_id = ${deviceId} AND ${sql.in("target_id", ids)} ORDER BY id`
    )
  })

  const project = Effect.fnUntraced(function*(
    deviceId: DeviceId,
    changes: Iterable<KeptChange>,
    news: ReadonlyArray<NewChange>
  ) {
    const byTarget = Map.groupBy(changes, (change) => targetKey(change.targetSender, change.chatKey, change.targetId))
    const ids = [...new Set([...byTarget.values()].flat().map((change) => change.targetId))]
    if (ids.length === 0) return []
    const now = yield* Clock.currentTimeMillis
    const rows = yield* decodeTargets(
      yield* sql`${targets} WHERE m.device_id = ${deviceId} AND ${sql.in("m.message_id", ids)} ORDER BY m.id`
    )
    const events: Array<NewEvent> = []
    for (const row of rows) {
      const own = byTarget.get(targetKey(row.senderKey, row.chatKey, row.messageId))
      if (own === undefined) continue
      const after = changed(row, own)
      if (JSON.stringify(encodeColumns(after)) === JSON.stringify(encodeColumns(row))) continue
      yield* save(row, after, now)
      if (after.deletedAt !== null) yield* media.forget(row.id)
      events.push(...voteEvents(deviceId, row, after, own, news))
    }
    return events
  })

  return {
    /**
     * Keeps what is news of `incoming`, and brings up to date the messages that it and what was kept before are about;
     * `fresh` are ids of messages that have just been written. Returns the events to tell.
     */
    apply: Effect.fnUntraced(function*(deviceId: DeviceId, incoming: ReadonlyArray<NewChange>, fresh: ReadonlyArray<MessageId>) {
      const ids = [...new Set([...fresh, ...incoming.map((change) => change.targetId)])]
      const stored = yield* kept(deviceId, ids)
      if (stored.length === 0 && incoming.length === 0) return []
      const standing = new Map<string, KeptChange & { readonly id?: number }>()
      const overruled: Array<number> = []
      for (const change of stored) {
        const slot = slotOf(change)
        const other = standing.get(slot)
        if (other === undefined || overrules(change, other)) standing.set(slot, change)
      }
      const news: Array<NewChange> = []
      for (const change of incoming) {
        const slot = slotOf(change)
        const old = standing.get(slot)
        if (old !== undefined && !overrules(change, old)) continue
        if (old?.id !== undefined) overruled.push(old.id)
        standing.set(slot, change)
        news.push(change)
      }
      if (overruled.length > 0) yield* sql`DELETE FROM message_changes WHERE ${sql.in("id", overruled)}`
      const added = [...standing.values()].filter((change) => change.id === undefined)
      if (added.length > 0) {
        yield* sql`INSERT INTO message_changes ${sql.insert(added.map((change) => ({ deviceId, ...encodeChange(change) })))}`
      }
      const votes = yield* project(deviceId, standing.values(), news)
      return [...news.flatMap((change) => changeEvents(deviceId, change)), ...votes]
    }),

    /** After two contacts have become one: what was kept for the one may be about messages of the other. */
    refresh: Effect.fnUntraced(function*(deviceId: DeviceId, chatKey: string) {
      const changes = yield* decodeStored(
        yield* sql`SELECT * FROM message_changes WHERE device_id = ${deviceId} AND chat_key = ${chatKey} ORDER BY id`
      )
      yield* project(deviceId, changes, [])
    })
  }
})

const told = (change: NewChange) => ({
  messageId: change.targetId,
  chat: change.chat,
  changeId: change.changeId,
  from: change.authorNumber,
  fromMe: change.author === "me",
  participant: change.participant,
  people: [],
  timestamp: DateTime.unsafeMake(change.changedAt)
})

const changeEvents = (deviceId: DeviceId, change: NewChange): ReadonlyArray<NewEvent> => {
  const { content } = change
  switch (content._tag) {
    case "Edit":
      return [{ type: "message.edited", deviceId, data: { ...told(change), content: content.text } }]
    case "Delete":
      return [{ type: "message.deleted", deviceId, data: told(change) }]
    case "Reaction":
      return [{ type: "message.reaction", deviceId, data: { ...told(change), emoji: content.emoji } }]
    // what it says can be read only with its poll
    case "Vote":
      return []
  }
}

/** For the votes that are news, and for those that had to wait for their poll. */
const voteEvents = (
  deviceId: DeviceId,
  row: typeof Target.Type,
  after: Changeable,
  changes: ReadonlyArray<KeptChange>,
  incoming: ReadonlyArray<NewChange>
): ReadonlyArray<NewEvent> => {
  const { votes } = after
  if (votes === null) return []
  const waited = row.votes === null
  return changes.flatMap((vote): ReadonlyArray<NewEvent> => {
    const news = incoming.find((one) => one.changeId === vote.changeId)
    const options = waited || news !== undefined ? choiceOf(row, vote) : Option.none()
    if (Option.isNone(options)) return []
    const change = { ...vote, chat: chatOf(row), participant: news?.participant ?? null }
    return [{ type: "message.vote", deviceId, data: { ...told(change), options: options.value, votes } }]
  })
}
