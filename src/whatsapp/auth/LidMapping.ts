import { Effect, Schema } from "effect"
import type { ContactFact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { type Jid, userOf } from "../../domain/Jid.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { AuthRows } from "./AuthRows.ts"

const isPhone = Schema.is(PhoneNumber)
const isUser = Schema.is(Schema.String.pipe(Schema.pattern(/^[0-9A-Za-z._-]{1,64}$/)))

/** Looks up, for all of these people at once, the id that is missing in Baileys' map of phone numbers and LIDs. */
export const withBothIds = Effect.fnUntraced(function*(
  rows: AuthRows,
  deviceId: DeviceId,
  people: ReadonlyArray<ContactFact>
) {
  const keys = new Set(people.flatMap((person) => keyOf(person) ?? []))
  const found = keys.size === 0 ? new Map<string, Uint8Array>() : yield* rows.read(deviceId, "lid-mapping", [...keys])
  return (person: ContactFact): ContactFact => {
    const key = keyOf(person)
    const value = key === undefined ? undefined : found.get(key)
    const user: unknown = value === undefined ? undefined : JSON.parse(Buffer.from(value).toString())
    if (!isUser(user)) return person
    if (person.lid === undefined) return { ...person, lid: `${user}@lid` as Jid }
    return isPhone(user) ? { ...person, phone: user } : person
  }
})

const keyOf = ({ lid, phone }: ContactFact): string | undefined =>
  phone !== undefined && lid === undefined ? phone : lid !== undefined && phone === undefined ? `${userOf(lid)}_reverse` : undefined
