import type { Contact, ContactFact } from "../../domain/Contact.ts"
import { type Jid, phoneJid } from "../../domain/Jid.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { fit } from "../database/Dialect.ts"

/** A person as the facts leave him. `row` is what is stored of him, undefined for somebody new. */
export interface Person {
  readonly row: Contact | undefined
  jid: Jid | null
  lid: Jid | null
  phoneNumber: PhoneNumber | null
  name: string | null
  pushName: string | null
  /** he turned out to be this other one */
  mergedInto: Person | undefined
}

export interface ContactPlan {
  /** who each fact is about, in the order of the facts */
  readonly subjects: ReadonlyArray<Person>
  readonly people: ReadonlyArray<Person>
}

/**
 * Who is who. A LID names a person for good, a phone number names whoever has it now: a fact with both makes one person of
 * two that are known by one each, and moves the number when it is known of somebody with a different LID.
 */
export const planContacts = (rows: ReadonlyArray<Contact>, facts: ReadonlyArray<ContactFact>): ContactPlan => {
  const people = rows.map(stored)
  const byJid = new Map(people.flatMap((person) => person.jid === null ? [] : [[person.jid, person] as const]))
  const byLid = new Map(people.flatMap((person) => person.lid === null ? [] : [[person.lid, person] as const]))

  const merge = (one: Person, other: Person) => {
    // the older row stays, so that the ids that others remember live longer
    const [winner, loser] = age(one) <= age(other) ? [one, other] : [other, one]
    winner.name ??= loser.name
    winner.pushName ??= loser.pushName
    loser.mergedInto = winner
    if (loser.jid !== null) byJid.delete(loser.jid)
    if (loser.lid !== null) take(winner, "lid", loser.lid)
    return winner
  }
  const take = (person: Person, key: "jid" | "lid", value: Jid) => {
    const index = key === "jid" ? byJid : byLid
    const old = person[key]
    if (old !== null && old !== value && index.get(old) === person) index.delete(old)
    person[key] = value
    index.set(value, person)
  }
  const resolve = (jid: Jid | undefined, lid: Jid | undefined): Person => {
    const holder = jid === undefined ? undefined : byJid.get(jid)
    const named = lid === undefined ? undefined : byLid.get(lid)
    if (holder === undefined || lid === undefined || holder.lid === lid) return named ?? holder ?? added()
    if (holder.lid === null) return named === undefined ? holder : merge(holder, named)
    // the number has passed from one person to another
    byJid.delete(holder.jid!)
    holder.jid = null
    holder.phoneNumber = null
    return named ?? added()
  }
  const added = () => {
    const person = { ...nobody }
    people.push(person)
    return person
  }

  const subjects = facts.map((fact) => {
    const jid = fact.phone === undefined ? undefined : phoneJid(fact.phone)
    const person = resolve(jid, fact.lid)
    if (jid !== undefined) {
      take(person, "jid", jid)
      person.phoneNumber = fact.phone!
    }
    if (fact.lid !== undefined) take(person, "lid", fact.lid)
    person.name = fit(fact.name ?? person.name, 255)
    person.pushName = fit(fact.pushName ?? person.pushName, 255)
    return person
  })
  return { subjects: subjects.map(final), people }
}

export const final = (person: Person): Person => person.mergedInto === undefined ? person : final(person.mergedInto)

const nobody: Person = {
  row: undefined, jid: null, lid: null, phoneNumber: null, name: null, pushName: null, mergedInto: undefined
}
const stored = (row: Contact): Person => ({
  row,
  jid: row.jid === row.lid ? null : row.jid,
  lid: row.lid,
  phoneNumber: row.phoneNumber,
  name: row.name,
  pushName: row.pushName,
  mergedInto: undefined
})
const age = (person: Person) => person.row?.id ?? Infinity

/** Whether the stored row is not what it should be. */
export const isChanged = (person: Person): boolean => {
  const before = person.row === undefined ? nobody : stored(person.row)
  return before.jid !== person.jid || before.lid !== person.lid || before.phoneNumber !== person.phoneNumber ||
    before.name !== person.name || before.pushName !== person.pushName
}
/** Whether a unique key of the stored row changes its value. */
export const leavesKey = (person: Person): boolean => {
  if (person.row === undefined) return false
  const before = stored(person.row)
  return (before.jid !== null && before.jid !== person.jid) || (before.lid !== null && before.lid !== person.lid)
}
