import { Schema } from "effect"
import type { Contact, ContactFact } from "../../domain/Contact.ts"
import type { Inbound, Origin } from "../../domain/Inbound.ts"
import { isGroupJid, isLidJid, isPhoneJid, type Jid, userOf } from "../../domain/Jid.ts"
import type { ChatRef } from "../../domain/Message.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { chatKeyOf, refOf } from "../contacts/ContactRow.ts"

const isPhoneNumber = Schema.is(PhoneNumber)

/** The person at the other end of a direct chat; none in groups, channels and the status list. */
const peerOf = ({ chat, peer }: Origin): ContactFact | undefined => {
  const user = userOf(chat)
  const known = peer ?? {}
  if (known.phone !== undefined || known.lid !== undefined) return known
  if (isLidJid(chat)) return { ...known, lid: chat }
  return isPhoneJid(chat) && isPhoneNumber(user) ? { ...known, phone: user } : undefined
}
const participantOf = ({ fromMe, participant }: Origin): ContactFact | undefined =>
  fromMe || (participant?.phone === undefined && participant?.lid === undefined) ? undefined : participant

/**
 * Who is to be known as a contact because of a fact. A receipt makes nobody a contact, it may be about nothing we have; but
 * one that names a person's number and LID together says who is who.
 */
export const mentioned = (fact: Inbound): ReadonlyArray<ContactFact> => {
  switch (fact._tag) {
    case "Message":
    case "Undecryptable":
      return [peerOf(fact.origin), participantOf(fact.origin)].filter((person) => person !== undefined)
    case "Changed": {
      const { author } = fact.target
      const target = typeof author === "string" ? undefined : author
      return [peerOf(fact.origin), participantOf(fact.origin), target].filter((person) => person !== undefined)
    }
    case "Receipt": {
      const { peer } = fact.origin
      return peer?.phone !== undefined && peer.lid !== undefined ? [peer] : []
    }
    case "Internal":
      return []
  }
}

/** Where a message stands: its chat, who wrote it, and the columns that say so. */
export interface Place {
  readonly chat: ChatRef
  readonly participant: ChatRef | null
  readonly pushName: string | null
  readonly from: string | null
  readonly to: string | null
  readonly columns: {
    readonly chatKey: string
    readonly senderKey: string
    readonly contactId: number | null
    readonly groupJid: Jid | null
    readonly participant: Jid | null
  }
}

/** `contacts` answer {@link mentioned} of the same fact. */
export const placeOf = (origin: Origin, contacts: ReadonlyArray<Contact>, own: PhoneNumber | null): Place => {
  const peer = peerOf(origin) === undefined ? undefined : contacts[0]
  const writer = participantOf(origin) === undefined ? undefined : contacts[peer === undefined ? 0 : 1]
  const other = origin.fromMe ? undefined : writer ?? peer
  return {
    chat: peer === undefined ? { jid: origin.chat, lid: null, phone: null } : refOf(peer),
    participant: writer === undefined ? null : refOf(writer),
    pushName: other?.pushName ?? null,
    from: origin.fromMe ? own : other === undefined ? null : numberOf(other),
    to: origin.fromMe ? (peer === undefined ? origin.chat : numberOf(peer)) : own,
    columns: {
      chatKey: peer === undefined ? origin.chat : chatKeyOf(peer.id),
      senderKey: origin.fromMe ? "me" : writer === undefined ? "" : `${writer.id}`,
      contactId: peer?.id ?? writer?.id ?? null,
      groupJid: isGroupJid(origin.chat) ? origin.chat : null,
      participant: writer?.jid ?? null
    }
  }
}

/** The number, or the LID of somebody who keeps his number to himself. */
export const numberOf = (contact: Contact): string => contact.phoneNumber ?? contact.jid
