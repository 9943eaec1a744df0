import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { chatKeyOf } from "./ContactRow.ts"
import { makeFirstWords } from "../messages/FirstWords.ts"
import { makeMessageChanges } from "../messages/MessageChanges.ts"
import { makeStatusChange } from "../messages/StatusChange.ts"
import { makeTally } from "../statistics/Tally.ts"

const Pairs = Schema.Array(Schema.Struct({
  ours: Schema.Int,
  theirs: Schema.Int,
  oursUnreadable: Schema.Int,
  theirsUnreadable: Schema.Int
}))

/** Two contacts are one person: the loser's messages become the winner's, and his row goes. */
export const makeContactMerge = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const changes = yield* makeMessageChanges
  const statuses = yield* makeStatusChange
  const tally = yield* makeTally
  const firstWords = yield* makeFirstWords

  return Effect.fnUntraced(function*(deviceId: DeviceId, loser: number, winner: number) {
    const [from, to] = [chatKeyOf(loser), chatKeyOf(winner)]
    // the same message in both chats (direct), or from both senders (group)
    const pairs = yield* sql`SELECT w.id AS ours, l.id AS theirs,
        CASE WHEN w.message_type = 'undecryptable' THEN 1 ELSE 0 END AS ours_unreadable,
        CASE WHEN l.message_type = 'undecryptable' THEN 1 ELSE 0 END AS theirs_unreadable
      FROM messages l JOIN messages w ON w.device_id = l.device_id AND w.message_id = l.message_id
        AND w.chat_key = CASE WHEN l.chat_key = ${from} THEN ${to} ELSE l.chat_key END
        AND w.sender_key = CASE WHEN l.sender_key = ${`${loser}`} THEN ${`${winner}`} ELSE l.sender_key END
      WHERE l.contact_id = ${loser} AND l.device_id = ${deviceId} AND w.id <> l.id`
    const dropped = (yield* Schema.decodeUnknown(Pairs)(pairs)).map((pair) =>
      pair.oursUnreadable === 1 && pair.theirsUnreadable === 0 ? pair.ours : pair.theirs
    )
    if (dropped.length > 0) {
      const twice = yield* statuses.find([sql.in("m.id", dropped)])
      yield* tally.add(deviceId, twice.map((message) => [message, undefined]))
      yield* sql`DELETE FROM messages WHERE ${sql.in("id", dropped)}`
    }
    yield* tally.merge(deviceId, from, to)
    yield* sql`UPDATE messages SET
        chat_key = CASE WHEN chat_key = ${from} THEN ${to} ELSE chat_key END,
        sender_key = CASE WHEN sender_key = ${`${loser}`} THEN ${`${winner}`} ELSE sender_key END,
        contact_id = ${winner}
      WHERE contact_id = ${loser} AND device_id = ${deviceId}`
    yield* sql`UPDATE message_changes SET
        chat_key = CASE WHEN chat_key = ${from} THEN ${to} ELSE chat_key END,
        target_sender = CASE WHEN target_sender = ${`${loser}`} THEN ${`${winner}`} ELSE target_sender END,
        author = CASE WHEN author = ${`${loser}`} THEN ${`${winner}`} ELSE author END
      WHERE device_id = ${deviceId} AND (chat_key = ${from} OR target_sender = ${`${loser}`} OR author = ${`${loser}`})`
    yield* changes.refresh(deviceId, to)
    yield* firstWords.merge(deviceId, loser, winner)
    yield* sql`DELETE FROM contacts WHERE id = ${loser}`
  })
})
