import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { HistoryPart } from "../../domain/History.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeContactUpsert } from "../contacts/ContactUpsert.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { fit, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { makeEventPeople } from "../events/EventPeople.ts"
import { makeFirstWords, strangerOf } from "./FirstWords.ts"
import { keyOf, rowOf, textColumns } from "./Ledger.ts"
import { mentioned, placeOf } from "./Mention.ts"
import { makeMessageChanges } from "./MessageChanges.ts"
import { makeStatusChange } from "./StatusChange.ts"

/** What the phone remembers is added to what is known; what is there already stays as it is, and no message is told or counted. */
export const makeHistoryRecorder = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert
  const statuses = yield* makeStatusChange
  const events = yield* EventLog
  const changes = yield* makeMessageChanges
  const withPeople = yield* makeEventPeople
  const firstWords = yield* makeFirstWords

  const record = Effect.fnUntraced(function*(deviceId: DeviceId, part: HistoryPart) {
    const found = yield* lock.byId(deviceId)
    if (Option.isNone(found)) return 0
    const device = { ...found.value, deviceId }
    const now = yield* Clock.currentTimeMillis
    yield* contacts.upsertLocked(deviceId, device.userId, part.contacts)
    for (const { jid, name } of part.groups) {
      const there = yield* sql`SELECT id FROM ${sql("groups")} WHERE device_id = ${deviceId} AND group_id = ${jid}`
      if (there.length > 0) continue
      yield* dialect.insert("groups", {
        deviceId, userId: device.userId, groupId: jid, name: fit(name, 512), participants: "[]", admins: "[]", createdAt: now, updatedAt: now
      })
    }
    if (part.messages.length === 0) return 0

    const mentions = part.messages.map(({ fact }) => mentioned(fact))
    const people = yield* contacts.upsertLocked(deviceId, device.userId, mentions.flat())
    const known = yield* statuses.find([
      sql`m.device_id = ${deviceId}`,
      sql.in("m.message_id", part.messages.map(({ fact }) => fact.messageId))
    ])
    const keys = new Set(known.map((row) => keyOf(row.messageId, row)))
    // our own by its id alone, as everywhere
    const ours = new Set(known.flatMap(({ direction, messageId }) => direction === "outgoing" ? [messageId] : []))
    const strangers = new Set<number>()
    let next = 0
    const rows = part.messages.flatMap(({ fact, status }, index) => {
      const own = people.slice(next, next += mentions[index]!.length)
      const place = placeOf(fact.origin, own, device.phoneNumber)
      const stranger = strangerOf(fact, place, own)
      if (stranger !== undefined) strangers.add(stranger)
      const key = keyOf(fact.messageId, place.columns)
      if (keys.has(key) || (fact.origin.fromMe && ours.has(fact.messageId))) return []
      keys.add(key)
      const at = fact.timestamp.epochMillis
      const sentAt = fact.origin.fromMe ? at : null
      return [{ ...rowOf(device, fact, place, now), ...textColumns(fact), status, sentAt, historical: 1 }]
    })
    if (rows.length === 0) return 0
    yield* sql`INSERT INTO messages ${sql.insert(rows)}`
    yield* firstWords.note(deviceId, strangers, now)
    // what changes them may have come before them; a vote that now can be read is news
    const votes = yield* changes.apply(deviceId, [], rows.map(({ messageId }) => messageId))
    if (votes.length > 0) yield* events.append(yield* withPeople(device, votes))
    return rows.length
  })

  return Effect.fn("Messages.recordHistory")((deviceId: DeviceId, part: HistoryPart) =>
    record(deviceId, part).pipe(events.transaction, retryConflicts, atBoundary)
  )
})
