import { Effect, Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { phoneJid } from "../../domain/Jid.ts"
import { Contacts } from "../../sql/contacts/Contacts.ts"
import type { OutboxRow } from "../../sql/outbox/Outbox.ts"
import { ClosedBecause } from "../../whatsapp/socket/CloseReason.ts"
import type { Connection } from "../../whatsapp/WhatsApp.ts"
import { untilStored } from "../UntilStored.ts"

/** Numbers that WhatsApp is known to know, of one connection. */
const rememberedNumbers = 10_000

/** Finds the address to write to; none if WhatsApp does not know the number. */
export const makeRecipients = Effect.map(Contacts, (contacts) => (deviceId: DeviceId, connection: Connection) => {
  const registered = new Set<string>()

  return Effect.fnUntraced(function*({ groupJid, lid, phone }: OutboxRow) {
    if (groupJid !== null) return Option.some(groupJid)
    if (phone === null) return Option.fromNullable(lid)
    if (lid !== null || registered.has(phone)) return Option.some(phoneJid(phone))
    const [contact] = yield* connection.lookup([phone]).pipe(
      // not every server knows this question; the send asks for the recipient's devices before it writes anything
      Effect.catchIf(({ cause }) => !(cause instanceof ClosedBecause), () => Effect.succeed([{ phone }]))
    )
    if (contact === undefined) return Option.none()
    const known = contact.phone ?? phone
    yield* untilStored(contacts.upsert(deviceId, [{ ...contact, phone: known }]))
    if (registered.size >= rememberedNumbers) registered.clear()
    registered.add(phone)
    return Option.some(phoneJid(known))
  })
})
