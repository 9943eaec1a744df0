import { it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, eventsOf, inGroup, lid, makeDevice, phone, text, world } from "./world.ts"

const group = "120363000000000001@g.us"
const own = phone("6281200000000")
const both = (number: typeof ani | null, hidden: string | null) => ({
  jid: number === null ? lid(hidden!) : phoneJid(number),
  lid: hidden === null ? null : lid(hidden),
  phone: number
})

describeDatabases("people in events", (database) => {
  it.effect("everybody who is named by one id stands there with both, as far as they are known", () =>
    Effect.gen(function*() {
      const devices = yield* Devices
      const messages = yield* Messages
      const deviceId = yield* makeDevice
      const { epoch } = yield* devices.claim(deviceId)
      yield* devices.setPairing(deviceId, epoch, { jid: phoneJid(own), lid: lid("100"), phone: own, pushName: null })
      yield* (yield* Contacts).upsert(deviceId, [{ phone: budi, lid: lid("300") }])
      const said = text(inGroup(group, { phone: ani, lid: lid("200") }), "3EB0A", "halo @budi")
      const metadata = { mentions: [lid("300"), "6281300000000@s.whatsapp.net", group], quoted: "3EB0Q", quotedParticipant: `${lid("100").replace("@", ":7@")}` }
      yield* messages.record(deviceId, [
        { ...said, metadata } as typeof said,
        text(direct({ phone: ani }, true), "3EB0B", "from the phone"),
        text(direct({ lid: lid("400") }), "3EB0C", "who am I")
      ])
      const told = (yield* eventsOf(deviceId)).filter(({ type }) => type.startsWith("message."))
      expect(told.map(({ data }) => [data["messageId"], data["people"]])).toEqual([
        [MessageId.make("3EB0A"), [both(ani, "200"), { ...both(own, "100") }, both(budi, "300"), both(phone("6281300000000"), null)]],
        [MessageId.make("3EB0B"), [both(own, "100"), both(ani, "200")]],
        [MessageId.make("3EB0C"), [both(null, "400"), both(own, "100")]]
      ])
    }).pipe(Effect.scoped, Effect.provide(world(database))))
})
