import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Inbound } from "../domain/Inbound.ts"
import { atBoundary, retryConflicts } from "./Boundary.ts"
import { makeContactUpsert } from "./ContactUpsert.ts"
import { makeDeviceLock } from "./DeviceLock.ts"
import { EventLog } from "./EventLog.ts"
import { makeLedger } from "./Ledger.ts"
import { mentioned, placeOf } from "./Mention.ts"
import { makeStatusChange } from "./StatusChange.ts"
import { makeTally } from "./Tally.ts"

const batch = 100
/** How exact "last seen" is, in milliseconds: a row written for each message would cost more than it tells. */
const lastSeenStep = 10_000

export const makeMessageRecorder = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert
  const statuses = yield* makeStatusChange
  const tally = yield* makeTally

  const recordBatch = Effect.fnUntraced(function*(deviceId: DeviceId, facts: ReadonlyArray<Inbound>) {
    const found = yield* lock.byId(deviceId)
    if (Option.isNone(found)) return yield* Effect.logDebug("the device is gone; what it was told is dropped")
    const device = { ...found.value, deviceId }
    const mentions = facts.map(mentioned)
    const people = yield* contacts.upsertLocked(deviceId, device.userId, mentions.flat())
    const ids = new Set(facts.flatMap((fact) =>
      fact._tag === "Receipt" ? fact.messageIds : fact._tag === "Internal" ? [] : [fact.messageId]
    ))
    const known = ids.size === 0
      ? []
      : yield* statuses.find([sql`m.device_id = ${deviceId}`, sql.in("m.message_id", [...ids])])
    const now = yield* Clock.currentTimeMillis
    const ledger = makeLedger(device, known, now)

    let next = 0
    for (const [index, fact] of facts.entries()) {
      const own = people.slice(next, next += mentions[index]!.length)
      if (fact._tag === "Receipt") ledger.receipt(fact)
      else if (fact._tag !== "Internal") ledger.said(fact, placeOf(fact.origin, own, device.phoneNumber))
    }

    const { appeared, events: told, inserts, moves, recovered } = ledger.result()
    if (inserts.length > 0) yield* sql`INSERT INTO messages ${sql.insert(inserts)}`
    for (const { id, text } of recovered) {
      yield* sql`UPDATE messages SET ${sql.update({ ...text, updatedAt: now })} WHERE id = ${id}`
    }
    yield* statuses.save(deviceId, moves)
    yield* tally.add(deviceId, appeared.map((message) => [undefined, message]))
    if (device.lastSeen === null || now - device.lastSeen >= lastSeenStep) {
      yield* sql`UPDATE whatsapp_sessions SET last_seen = ${now} WHERE device_id = ${deviceId}`
    }
    yield* events.append(told)
  })

  return Effect.fn("Messages.record")(function*(deviceId: DeviceId, facts: ReadonlyArray<Inbound>) {
    if (facts.length === 0) return
    yield* retryConflicts(events.transaction(
      Effect.forEach(batches(facts), (some) => recordBatch(deviceId, some), { discard: true })
    ))
  }, atBoundary)
})

const batches = (facts: ReadonlyArray<Inbound>) =>
  Array.from({ length: Math.ceil(facts.length / batch) }, (_, index) => facts.slice(index * batch, (index + 1) * batch))
