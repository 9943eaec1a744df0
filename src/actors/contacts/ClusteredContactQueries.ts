import { Cache, Data, Duration, Effect, Exit, Layer } from "effect"
import type { PictureSize } from "../../domain/Contact.ts"
import { type Device, DeviceNotConnected } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { type Jid, phoneJid } from "../../domain/Jid.ts"
import { answered } from "../ClusteredDevices.ts"
import { ContactQueries } from "./ContactQueries.ts"
import { DeviceEntity, entityId } from "../DeviceEntity.ts"

/** Pictures and texts change seldom, and WhatsApp counts how often one asks. */
const remembered = Duration.minutes(10)
const capacity = 5000

class Person extends Data.Class<{ readonly entity: string; readonly deviceId: DeviceId; readonly jid: Jid }> {}
class Picture extends Data.Class<{
  readonly entity: string
  readonly deviceId: DeviceId
  readonly jid: Jid
  readonly size: PictureSize
}> {}

/** {@link ContactQueries} through the device's entity, on whichever node it lives. */
export const ClusteredContactQueries = Layer.effect(
  ContactQueries,
  Effect.gen(function*() {
    const client = yield* DeviceEntity.client

    const pictures = yield* Cache.makeWith({
      capacity,
      timeToLive,
      lookup: ({ deviceId, entity, jid, size }: Picture) =>
        client(entity).ProfilePicture({ jid, size }).pipe(answered(deviceId))
    })
    const abouts = yield* Cache.makeWith({
      capacity,
      timeToLive,
      lookup: ({ deviceId, entity, jid }: Person) => client(entity).About({ jid }).pipe(answered(deviceId))
    })


    return ContactQueries.of({
      check: Effect.fn("ContactQueries.check")((device, phones) =>
        connected(device, client(entityId(device)).Lookup({ phones }).pipe(answered(device.deviceId))).pipe(
          Effect.map((found) => {
            const byPhone = new Map(found.map((person) => [person.phone, person]))
            return phones.map((phone) => {
              const person = byPhone.get(phone)
              return { phone, registered: person !== undefined, jid: person ? phoneJid(phone) : null, lid: person?.lid ?? null }
            })
          })
        )
      ),
      profilePicture: Effect.fn("ContactQueries.profilePicture")((device, jid, size) =>
        connected(device, pictures.get(new Picture({ ...personOf(device, jid), size })))
      ),
      about: Effect.fn("ContactQueries.about")((device, jid) =>
        connected(device, abouts.get(new Person(personOf(device, jid))))
      )
    })
  })
)

const timeToLive = (exit: Exit.Exit<unknown, unknown>) => Exit.isSuccess(exit) ? remembered : Duration.zero

/** A device that is not connected is not asked: it would have to be started for it. */
const connected = <A, E>(device: Device, query: Effect.Effect<A, E>): Effect.Effect<A, E | DeviceNotConnected> =>
  device.isConnected ? query : new DeviceNotConnected({ deviceId: device.deviceId })
const personOf = (device: Device, jid: Jid) => ({ entity: entityId(device), deviceId: device.deviceId, jid })
