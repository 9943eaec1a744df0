import { Effect } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { bareJid, isLidJid, isPhoneJid, type Jid, phoneJid, userOf } from "../../domain/Jid.ts"
import type { ChatRef } from "../../domain/Message.ts"
import { isPhoneNumber, type PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { makeContactLookup } from "../contacts/ContactLookup.ts"
import { refOf } from "../contacts/ContactRow.ts"

interface Account {
  readonly deviceId: DeviceId
  readonly phoneNumber: PhoneNumber | null
  readonly lid: Jid | null
}

/** Fills in `people`: both ids of everybody whom an event names by one of them, as far as they are known. */
export const makeEventPeople = Effect.map(makeContactLookup, (lookup) =>
  Effect.fnUntraced(function*(device: Account, events: ReadonlyArray<NewEvent>) {
    const named = events.map(addressesIn)
    const own: ReadonlyArray<ChatRef> = device.phoneNumber === null ? [] : [{ jid: phoneJid(device.phoneNumber), lid: device.lid, phone: device.phoneNumber }]
    const known = new Map<string, ChatRef>()
    const learn = (people: ReadonlyArray<ChatRef>) => {
      for (const ref of people) {
        for (const address of [ref.jid, ref.lid]) if (address !== null) known.set(address, ref)
      }
    }
    learn([...own, ...events.flatMap(refsIn)])
    const others = [...new Set(named.flat())].filter((address) => !known.has(address))
    learn((yield* lookup(device.deviceId, others.filter(isPhoneJid), others.filter(isLidJid))).map(refOf))
    return events.map((event, index) => {
      if (!("people" in event.data)) return event
      const people = new Map(named[index]!.map((address) => known.get(address) ?? alone(address)).map((ref) => [ref.jid, ref]))
      return { ...event, data: { ...event.data, people: [...people.values()] } } as NewEvent
    })
  }))

/** The addresses by which an event names people, without those that stand beside another id anyway. */
const addressesIn = ({ data }: NewEvent): ReadonlyArray<Jid> => {
  if (!("people" in data)) return []
  const { mentions = [], quotedParticipant = null } = "metadata" in data ? data.metadata ?? {} : {}
  const voters = "votes" in data ? data.votes.flatMap((option) => option.voters.map(({ from }) => from)) : []
  const said = [data.from, "to" in data ? data.to : null, quotedParticipant, ...mentions, ...voters]
  return said.flatMap((name) => {
    if (name === null) return []
    const address = isPhoneNumber(name) ? phoneJid(name) : bareJid(name)
    return isPhoneJid(address) || isLidJid(address) ? [address] : []
  })
}

const refsIn = ({ data }: NewEvent): ReadonlyArray<ChatRef> =>
  "people" in data ? [data.chat, ...(data.participant === null ? [] : [data.participant])] : []

const alone = (jid: Jid): ChatRef => {
  const user = userOf(jid)
  return { jid, lid: isLidJid(jid) ? jid : null, phone: isPhoneJid(jid) && isPhoneNumber(user) ? user : null }
}
