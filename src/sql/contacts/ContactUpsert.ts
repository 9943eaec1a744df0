import { SqlClient } from "@effect/sql"
import { Clock, Effect, Option } from "effect"
import type { Contact, ContactFact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { phoneJid } from "../../domain/Jid.ts"
import type { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeContactLookup } from "./ContactLookup.ts"
import { makeContactMerge } from "./ContactMerge.ts"
import { type ContactPlan, final, isChanged, leavesKey, type Person, planContacts } from "./ContactPlan.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"

const batch = 200

export const makeContactUpsert = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const lock = yield* makeDeviceLock
  const merge = yield* makeContactMerge
  const known = yield* makeContactLookup

  const save = Effect.fnUntraced(function*(deviceId: DeviceId, userId: UserId, plan: ContactPlan, now: number) {
    for (const loser of plan.people) {
      const winner = final(loser)
      if (loser !== winner && loser.row !== undefined && winner.row !== undefined) {
        yield* merge(deviceId, loser.row.id, winner.row.id)
      }
    }
    const changed = plan.people.filter((person) => person.mergedInto === undefined && isChanged(person))
    const stored = changed.filter((person) => person.row !== undefined)
    const leaving = stored.filter(leavesKey).map((person) => person.row!.id)
    if (leaving.length > 0) yield* sql`UPDATE contacts SET jid = NULL, lid = NULL WHERE ${sql.in("id", leaving)}`
    for (const person of stored) {
      yield* sql`UPDATE contacts SET ${sql.update({ ...valuesOf(person), updatedAt: now })} WHERE id = ${person.row!.id}`
    }
    const added = changed.filter((person) => person.row === undefined)
    if (added.length === 0) return
    yield* sql`INSERT INTO contacts ${
      sql.insert(added.map((person) => ({ userId, deviceId, ...valuesOf(person), createdAt: now, updatedAt: now })))
    }`
  })

  /** For callers that have locked the device's row. */
  const upsertLocked = Effect.fnUntraced(function*(
    deviceId: DeviceId,
    userId: UserId,
    facts: ReadonlyArray<ContactFact>
  ) {
    if (facts.length === 0) return []
    const jids = unique(facts.flatMap((fact) => fact.phone === undefined ? [] : [phoneJid(fact.phone)]))
    const lids = unique(facts.flatMap((fact) => fact.lid === undefined ? [] : [fact.lid]))
    const plan = planContacts(yield* known(deviceId, jids, lids), facts)
    if (plan.people.every((person) => person.mergedInto === undefined && !isChanged(person))) {
      return plan.subjects.map((person) => person.row!)
    }
    yield* save(deviceId, userId, plan, yield* Clock.currentTimeMillis)
    const rows = yield* known(
      deviceId,
      unique(plan.subjects.flatMap(({ jid, lid }) => jid === null || lid !== null ? [] : [jid])),
      unique(plan.subjects.flatMap(({ lid }) => lid === null ? [] : [lid]))
    )
    const found = new Map(rows.flatMap((row) => [[row.jid, row], [row.lid ?? row.jid, row]]))
    return plan.subjects.map((person) => found.get((person.lid ?? person.jid)!)!)
  })

  const upsert = Effect.fn("Contacts.upsert")(function*(deviceId: DeviceId, facts: ReadonlyArray<ContactFact>) {
    if (facts.length === 0) return []
    return yield* retryConflicts(sql.withTransaction(Effect.gen(function*() {
      const device = yield* lock.byId(deviceId)
      if (Option.isNone(device)) return yield* Effect.dieMessage(`contacts of a device that is not there: ${deviceId}`)
      const contacts: Array<Contact> = []
      for (let start = 0; start < facts.length; start += batch) {
        contacts.push(...(yield* upsertLocked(deviceId, device.value.userId, facts.slice(start, start + batch))))
      }
      return contacts
    })))
  }, atBoundary)

  return { upsert, upsertLocked }
})

const unique = <A>(values: ReadonlyArray<A>) => [...new Set(values)]
const valuesOf = ({ jid, lid, name, phoneNumber, pushName }: Person) => ({ jid, lid, phoneNumber, name, pushName })
