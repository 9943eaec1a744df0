import { Context, type Effect } from "effect"
import type { About, NumberCheck, PictureSize } from "../../domain/Contact.ts"
import type { Device, DeviceBusy, DeviceNotConnected, WhatsAppUnanswered } from "../../domain/Device.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"

type QueryError = DeviceNotConnected | DeviceBusy | WhatsAppUnanswered

/** What only WhatsApp can say of people; answers about one person are remembered for a few minutes. */
export class ContactQueries extends Context.Tag("whatsapp-service/ContactQueries")<ContactQueries, {
  /** At most 50 numbers; the answers stand in their order. */
  readonly check: (device: Device, phones: ReadonlyArray<PhoneNumber>) => Effect.Effect<ReadonlyArray<NumberCheck>, QueryError>
  /** Where to get the picture from, for some days; null if there is none or it is not for us to see. */
  readonly profilePicture: (device: Device, jid: Jid, size: PictureSize) => Effect.Effect<string | null, QueryError>
  readonly about: (device: Device, jid: Jid) => Effect.Effect<About, QueryError>
}>() {}
