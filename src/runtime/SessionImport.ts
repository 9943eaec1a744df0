import { Effect } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { UserId } from "../domain/User.ts"
import { AuditLog } from "../sql/admin/AuditLog.ts"
import { Devices } from "../sql/devices/Devices.ts"
import { EventLog } from "../sql/events/EventLog.ts"
import { makeAuthRows } from "../whatsapp/auth/AuthRows.ts"
import { type MultiFileSession, SessionUnreadable } from "../whatsapp/auth/MultiFileAuth.ts"

/** What became of a session: the service keeps what it has, and knows better than the folder. */
export type ImportOutcome = "imported" | "kept"

/** Puts sessions into the database, each in one transaction: a device has all of its keys, or none of them. */
export const makeSessionImport = Effect.gen(function*() {
  const devices = yield* Devices
  const events = yield* EventLog
  const audit = yield* AuditLog
  const auth = yield* makeAuthRows

  const deviceOf = (deviceId: DeviceId, owner: UserId) =>
    Effect.catchTag(devices.get(deviceId), "DeviceNotFound", () => devices.create({ deviceId, userId: owner, deviceName: deviceId }))

  const write = Effect.fnUntraced(function*(deviceId: DeviceId, owner: UserId, session: MultiFileSession) {
    const device = yield* deviceOf(deviceId, owner)
    if (device.wanted === "deleted") return yield* refuse("the device is being deleted")
    const stored = yield* auth.read(deviceId, "creds", [""]).pipe(
      // nothing is ever written over what cannot be read
      Effect.catchTag("Undecipherable", () => refuse("the database has credentials of this device that it cannot decrypt"))
    )
    if (device.isPaired && stored.has("")) return "kept" as const
    // its pairing has ended since: what the folder has is worth nothing any more
    if (device.lastSeen !== null) return yield* refuse("the device has been connected by this service and unlinked since: pair it anew")
    const { epoch } = yield* devices.claim(deviceId)
    // of a pairing that was begun and not finished
    if (stored.has("")) yield* devices.wipe(deviceId, epoch)
    yield* auth.write(deviceId, epoch, { mutations: session.rows, journal: [] })
    yield* devices.setPairing(deviceId, epoch, session.identity)
    yield* devices.setState(deviceId, epoch, { status: "disconnected", reason: "stopped", reasonText: null, retryAt: null, restriction: null })
    yield* devices.setWanted(deviceId, "online")
    yield* audit.record({
      actor: null,
      action: "device.import",
      target: { type: "device", id: deviceId },
      details: { ownerId: device.userId, rows: session.rows.length }
    })
    return "imported" as const
  })

  /** A device that the service knows keeps its owner. */
  return (deviceId: DeviceId, owner: UserId, session: MultiFileSession) => events.transaction(write(deviceId, owner, session))
})

const refuse = (reason: string) => new SessionUnreadable({ reason })
