import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Equal, Option } from "effect"
import { Device, DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { OwnerChanged } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "./DeviceLock.ts"
import { decodeDevices, deviceColumns, encodeRestriction } from "./DeviceRow.ts"
import type { DeviceState, Pairing } from "./Devices.ts"
import { fit } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { incident, makeIncidents } from "./Incidents.ts"
import type { ShardLease } from "./ShardLeases.ts"
import { stateTold } from "./StateNotice.ts"

const millis = (time: DateTime.Utc | null) => time === null ? null : time.epochMillis

/** The half of `Devices` that a device's owner uses, each method one transaction that checks the owner's epoch first. */
export const makeDeviceOwnership = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const incidents = yield* makeIncidents
  const columns = sql.literal(deviceColumns)

  const read = Effect.fnUntraced(function*(deviceId: DeviceId) {
    const rows = yield* sql`SELECT ${columns} FROM whatsapp_sessions WHERE device_id = ${deviceId}`
    return (yield* decodeDevices(rows))[0]
  })

  const update = (deviceId: DeviceId, values: Record<string, string | number | null>) =>
    Effect.flatMap(DateTime.now, (now) =>
      sql`UPDATE whatsapp_sessions SET ${sql.update({ ...values, updatedAt: now.epochMillis })} WHERE device_id = ${deviceId}`)

  const atomic = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    retryConflicts(events.transaction(effect)).pipe(atBoundary)

  const asOwner = <A, E>(deviceId: DeviceId, epoch: number, effect: (device: Device) => Effect.Effect<A, E>) =>
    atomic(Effect.gen(function*() {
      const locked = yield* lock.byId(deviceId)
      const device = yield* read(deviceId)
      if (device === undefined || !Option.exists(locked, (row) => row.ownerEpoch === epoch)) {
        return yield* new OwnerChanged({ deviceId, epoch })
      }
      return yield* effect(device)
    }))

  /** The same for what may change the visible state. */
  const changing = <E>(deviceId: DeviceId, epoch: number, effect: (device: Device) => Effect.Effect<DeviceState | undefined, E>) =>
    Effect.flatMap(asOwner(deviceId, epoch, effect), (changed) => changed === undefined ? Effect.void : stateTold(deviceId, changed))

  const claim = Effect.fnUntraced(function*(deviceId: DeviceId) {
    yield* sql`UPDATE whatsapp_sessions SET owner_epoch = owner_epoch + 1 WHERE device_id = ${deviceId}`
    const locked = yield* lock.byId(deviceId)
    const device = yield* read(deviceId)
    if (device === undefined || Option.isNone(locked)) return yield* new DeviceNotFound({ deviceId })
    return { epoch: locked.value.ownerEpoch, device }
  })

  const changeState = Effect.fnUntraced(function*(device: Device, wanted: DeviceState) {
    const state = { ...wanted, reasonText: fit(wanted.reasonText, 512) }
    const changed = !(
      device.status === state.status && device.reason === state.reason &&
      Equal.equals(device.retryAt, state.retryAt) && sameRestriction(device.restriction, state.restriction)
    )
    const now = yield* DateTime.now
    const since = device.status === state.status && device.reason === state.reason ? device.since : now
    const seen = device.status === "connected" || state.status === "connected"
    yield* update(device.deviceId, {
      status: state.status,
      reason: state.reason,
      reasonText: state.reasonText,
      since: since.epochMillis,
      retryAt: millis(state.retryAt),
      restriction: yield* encodeRestriction(state.restriction),
      ...(seen ? { lastSeen: now.epochMillis } : {}),
      ...(state.status === "qr_required" ? {} : noCodes)
    })
    if (!changed) return undefined
    const isNew = state.restriction !== null && !sameRestriction(device.restriction, state.restriction)
    yield* incidents.add(device.deviceId, [
      ...(isNew ? [incident("restriction", state.restriction!.kind)] : []),
      ...(device.status === "connected" && state.reason !== null && state.reason !== "stopped" ? [incident("disconnect", state.reason)] : [])
    ])
    const data = { ...state, since, phoneNumber: device.phoneNumber, lid: device.lid, deviceName: device.deviceName }
    yield* events.append([
      { type: "device-status", deviceId: device.deviceId, data },
      { type: "whatsapp-status", deviceId: device.deviceId, data }
    ])
    return state
  })

  const forget = (deviceId: DeviceId) =>
    Effect.zipRight(
      sql`DELETE FROM auth_state WHERE device_id = ${deviceId}`,
      sql`DELETE FROM inbound_journal WHERE device_id = ${deviceId}`
    )

  /** Codes are shown in `qr_required` only. */
  const showing = Effect.fnUntraced(function*(device: Device, values: Record<string, string | number>, event: NewEvent) {
    const changed = device.status !== "qr_required" || device.reason !== "pairing"
      ? yield* changeState(device, { ...pairing, restriction: device.restriction })
      : undefined
    yield* update(device.deviceId, values)
    yield* events.append([event])
    return changed
  })

  return {
    claim: Effect.fn("Devices.claim")((deviceId: DeviceId) => atomic(claim(deviceId))),

    claimUnder: Effect.fn("Devices.claimUnder")((lease: ShardLease, deviceId: DeviceId) =>
      atomic(Effect.gen(function*() {
        const claimed = yield* claim(deviceId)
        // after the row's lock: whoever has taken the lease since claims after us, and whoever had before is seen here
        const holders = yield* sql`SELECT 1 AS other FROM shard_leases WHERE shard = ${lease.shard} AND instance <> ${lease.instance}`
        return holders.length === 0 ? claimed : yield* new OwnerChanged({ deviceId, epoch: claimed.epoch })
      }))
    ),

    owns: Effect.fn("Devices.owns")(function*(deviceId: DeviceId, epoch: number) {
      const rows = yield* sql`SELECT 1 AS own FROM whatsapp_sessions WHERE device_id = ${deviceId} AND owner_epoch = ${epoch}`
      return rows.length > 0
    }, atBoundary),

    setState: Effect.fn("Devices.setState")((deviceId: DeviceId, epoch: number, state: DeviceState) =>
      changing(deviceId, epoch, (device) => changeState(device, state))
    ),

    showQr: Effect.fn("Devices.showQr")((
      deviceId: DeviceId,
      epoch: number,
      qr: { readonly qr: string; readonly qrCode: string; readonly expiresAt: DateTime.Utc }
    ) =>
      changing(deviceId, epoch, (device) =>
        showing(device, { qr: qr.qr, qrExpiresAt: qr.expiresAt.epochMillis }, {
          type: "qr-code",
          deviceId,
          data: qr
        }))
    ),

    showPairingCode: Effect.fn("Devices.showPairingCode")((
      deviceId: DeviceId,
      epoch: number,
      code: { readonly pairingCode: string; readonly phone: PhoneNumber; readonly expiresAt: DateTime.Utc }
    ) =>
      changing(deviceId, epoch, (device) =>
        showing(device, { pairingCode: code.pairingCode, pairingCodeExpiresAt: code.expiresAt.epochMillis }, {
          type: "pairing-code",
          deviceId,
          data: { pairingCode: code.pairingCode, phoneNumber: code.phone, expiresAt: code.expiresAt }
        }))
    ),

    setPairing: Effect.fn("Devices.setPairing")((deviceId: DeviceId, epoch: number, pairing: Pairing) =>
      Effect.asVoid(asOwner(deviceId, epoch, (device) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => update(deviceId, {
          ...(device.jid === pairing.jid ? {} : { pairedAt: now }),
          jid: pairing.jid,
          lid: pairing.lid,
          phoneNumber: pairing.phone,
          pushName: fit(pairing.pushName, 255)
        }))))
    ),

    wipe: Effect.fn("Devices.wipe")((deviceId: DeviceId, epoch: number, state: DeviceState = notPaired) =>
      changing(deviceId, epoch, (device) =>
        Effect.gen(function*() {
          yield* forget(deviceId)
          // the next account may be another one: in which groups it is remains to be seen
          yield* sql`UPDATE ${sql("groups")} SET own_role = NULL, refreshed_at = NULL WHERE device_id = ${deviceId}`
          yield* update(deviceId, { jid: null, lid: null, phoneNumber: null, pushName: null, pairedAt: null, groupsSyncedAt: null, ...noCodes })
          return yield* changeState(new Device({ ...device, phoneNumber: null, lid: null }, { disableValidation: true }), state)
        }))
    ),

    remove: Effect.fn("Devices.remove")((deviceId: DeviceId, epoch: number) =>
      asOwner(deviceId, epoch, () =>
        Effect.gen(function*() {
          yield* forget(deviceId)
          yield* sql`DELETE FROM contacts WHERE device_id = ${deviceId}`
          yield* sql`DELETE FROM device_incidents WHERE device_id = ${deviceId}`
          yield* sql`DELETE FROM message_changes WHERE device_id = ${deviceId}`
          // the files themselves are removed once nothing refers to them
          yield* sql`DELETE FROM message_media WHERE device_id = ${deviceId}`
          yield* sql`DELETE FROM ${sql("groups")} WHERE device_id = ${deviceId}`
          // a device that is made under the same id later must not send what this one left behind
          yield* sql`UPDATE messages SET status = 'cancelled', queue = NULL, send_at = NULL WHERE queue = ${deviceId}
            OR queue IN (SELECT job_id FROM jobs WHERE device_id = ${deviceId} AND status = 'paused')`
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE jobs SET status = 'cancelled', cancelled = total - completed - failed, finished_at = ${now}
            WHERE device_id = ${deviceId} AND status IN ('queued', 'processing', 'paused')`
          yield* sql`UPDATE schedules SET status = 'cancelled', slot = NULL, next_at = NULL
            WHERE device_id = ${deviceId} AND status = 'active'`
          yield* sql`DELETE FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        }))
    )
  }

})

const noCodes = { qr: null, qrExpiresAt: null, pairingCode: null, pairingCodeExpiresAt: null }
const pairing = { status: "qr_required", reason: "pairing", reasonText: null, retryAt: null } as const
const notPaired: DeviceState = {
  status: "disconnected",
  reason: "not_paired",
  reasonText: null,
  retryAt: null,
  restriction: null
}
const sameRestriction = (a: DeviceState["restriction"], b: DeviceState["restriction"]) =>
  a === b || (a !== null && b !== null && a.kind === b.kind && a.code === b.code && Equal.equals(a.until, b.until))
