import type { Contact } from "@whiskeysockets/baileys"
import type { ContactFact } from "../../domain/Contact.ts"
import { personOf } from "./InboundFacts.ts"

/** What Baileys says of people, without groups and without those of whom it says nothing. */
export const contactFacts = (contacts: ReadonlyArray<Partial<Contact>>): ReadonlyArray<ContactFact> =>
  contacts.flatMap(({ id, lid, name, notify, phoneNumber, verifiedName }) => {
    const person = [lid, phoneNumber].reduce<ContactFact | undefined>(
      (known, other) => (known ? { ...personOf(other), ...known } : personOf(other)),
      personOf(id)
    )
    const pushName = notify ?? verifiedName
    if (person === undefined) return []
    return [{ ...person, ...(name ? { name } : {}), ...(pushName ? { pushName } : {}) }]
  })
