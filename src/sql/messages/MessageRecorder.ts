import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Inbound } from "../../domain/Inbound.ts"
import { autoDownload, maxSize } from "../../domain/MediaSettings.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeContactUpsert } from "../contacts/ContactUpsert.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { EventLog } from "../events/EventLog.ts"
import { makeEventPeople } from "../events/EventPeople.ts"
import { makeFirstWords, strangerOf } from "./FirstWords.ts"
import { incident, makeIncidents } from "../devices/Incidents.ts"
import { makeLedger } from "./Ledger.ts"
import { makeMediaIntake } from "./MessageMedia.ts"
import { changeOf, makeOwnChanges } from "./ChangeSources.ts"
import { mentioned, placeOf } from "./Mention.ts"
import { makeMessageChanges, type NewChange } from "./MessageChanges.ts"
import { makeStatusChange } from "./StatusChange.ts"
import { makeTally } from "../statistics/Tally.ts"

const batch = 100
/** How exact "last seen" is, in milliseconds: a row written for each message would cost more than it tells. */
const lastSeenStep = 10_000

export const makeMessageRecorder = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const contacts = yield* makeContactUpsert
  const statuses = yield* makeStatusChange
  const changes = yield* makeMessageChanges
  const ownChanges = yield* makeOwnChanges
  const withPeople = yield* makeEventPeople
  const tally = yield* makeTally
  const media = yield* makeMediaIntake
  const firstWords = yield* makeFirstWords
  const incidents = yield* makeIncidents
  const [fetchesAll, largest] = [yield* Effect.orDie(autoDownload), yield* Effect.orDie(maxSize)]

  const fetches = (fact: Inbound): boolean =>
    fetchesAll && fact._tag === "Message" && fact.secrets?.media?.mediaKey !== undefined && fact.metadata?.viewOnce !== true &&
    (fact.metadata?.media?.size ?? 0) <= largest

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
    const ledger = makeLedger(device, known, now, fetches)

    let next = 0
    const incoming: Array<NewChange> = []
    const strangers = new Set<number>()
    for (const [index, fact] of facts.entries()) {
      const own = people.slice(next, next += mentions[index]!.length)
      if (fact._tag === "Receipt") ledger.receipt(fact)
      else if (fact._tag === "Changed") {
        ledger.echoed(fact)
        incoming.push(changeOf(fact, own, device.phoneNumber))
      } else if (fact._tag !== "Internal") {
        const place = placeOf(fact.origin, own, device.phoneNumber)
        ledger.said(fact, place)
        const stranger = strangerOf(fact, place, own)
        if (stranger !== undefined) strangers.add(stranger)
      }
    }

    const { appeared, events: told, fresh, inserts, moves, recovered } = ledger.result()
    if (inserts.length > 0) yield* sql`INSERT INTO messages ${sql.insert(inserts)}`
    for (const { id, text } of recovered) {
      yield* sql`UPDATE messages SET ${sql.update({ ...text, updatedAt: now })} WHERE id = ${id}`
    }
    yield* statuses.save(deviceId, moves)
    yield* tally.add(deviceId, appeared.map((message) => [undefined, message]))
    yield* firstWords.note(deviceId, strangers, now)
    yield* incidents.add(deviceId, told.flatMap(({ type }) => type === "message.undecryptable" ? [incident("undecryptable", null)] : []))
    if (device.lastSeen === null || now - device.lastSeen >= lastSeenStep) {
      yield* sql`UPDATE whatsapp_sessions SET last_seen = ${now} WHERE device_id = ${deviceId}`
    }
    // what we change is changed as soon as it has gone out, however we come to know
    incoming.push(...(yield* ownChanges(device, moves)))
    const files = new Set(facts.flatMap((fact) => fetches(fact) && fact._tag === "Message" ? [fact.messageId] : []))
    yield* media.expect(deviceId, fresh.filter((id) => files.has(id)))
    const changed = yield* changes.apply(deviceId, incoming, fresh)
    yield* events.append(yield* withPeople(device, [...told, ...changed]))
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
