import { SqlClient } from "@effect/sql"
import { Clock, type DateTime, Effect, Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { GroupFact, groupIdOf } from "../../domain/GroupFact.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { ChatRef } from "../../domain/Message.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { type LockedDevice, makeDeviceLock } from "../devices/DeviceLock.ts"
import { fit, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { differenceOf, foldGroup, type GroupDifference, type GroupState, unknownGroup } from "./GroupFold.ts"
import { decodeGroups, decodePeople, encodeParticipants, encodeSettings, groupColumns, peopleColumns } from "./GroupRow.ts"

/** Makes rows and events of what WhatsApp tells of groups. */
export const makeGroupRecorder = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const events = yield* EventLog
  const lock = yield* makeDeviceLock
  const table = sql("groups")

  const stored = Effect.fnUntraced(function*(deviceId: DeviceId, groupId: Jid) {
    const rows = yield* sql`SELECT ${sql.literal(groupColumns)}, ${sql.literal(peopleColumns)} FROM ${table}
      WHERE device_id = ${deviceId} AND group_id = ${groupId}`
    const [group] = yield* decodeGroups(rows)
    const [people] = yield* decodePeople(rows)
    if (group === undefined || people === undefined) return undefined
    const state: GroupState = {
      ...group,
      addressing: people.addressing,
      participants: people.participants ?? [],
      complete: group.refreshedAt !== null
    }
    return { id: group.id, state, refreshedAt: group.refreshedAt }
  })

  const save = Effect.fnUntraced(function*(device: LockedDevice, groupId: Jid, row: {
    readonly id: number | undefined
    readonly state: GroupState
    readonly refreshedAt: DateTime.Utc | null | number
  }) {
    const now = yield* Clock.currentTimeMillis
    const { state } = row
    const admins = state.participants.flatMap(({ jid, role }) => role === "member" ? [] : [jid])
    const values = {
      ...(yield* encodeSettings({ ...state, name: fit(state.name, 512) })),
      addressing: state.addressing,
      participants: yield* encodeParticipants(state.participants),
      admins: JSON.stringify(admins),
      participantCount: state.participants.length,
      ownRole: state.ownRole,
      creation: state.creation?.epochMillis ?? null,
      refreshedAt: typeof row.refreshedAt === "number" ? row.refreshedAt : row.refreshedAt?.epochMillis ?? null,
      updatedAt: now
    }
    if (row.id === undefined) {
      yield* dialect.insert("groups", { deviceId: device.deviceId, userId: device.userId, groupId, ...values, createdAt: now })
    } else {
      yield* sql`UPDATE ${table} SET ${sql.update(values)} WHERE id = ${row.id}`
    }
  })

  /** All the facts of one group, in their order. */
  const recordGroup = Effect.fnUntraced(function*(device: LockedDevice, groupId: Jid, facts: ReadonlyArray<GroupFact>) {
    const before = yield* stored(device.deviceId, groupId)
    let state = before?.state ?? unknownGroup
    let refreshed = false
    const told: Array<NewEvent> = []
    for (const fact of facts) {
      const after = foldGroup(state, fact)
      if (fact._tag === "Whole") refreshed = true
      told.push(...eventsOf(device.deviceId, groupId, after, differenceOf(state, after, fact), authorOf(fact)))
      state = after
    }
    const kept = before?.refreshedAt ?? null
    const refreshedAt = !state.complete ? null : refreshed ? yield* Clock.currentTimeMillis : kept
    yield* save(device, groupId, { id: before?.id, state, refreshedAt })
    return told
  })

  const withDevice = <A, E, R>(deviceId: DeviceId, act: (device: LockedDevice) => Effect.Effect<A, E, R>) =>
    retryConflicts(events.transaction(Effect.gen(function*() {
      const found = yield* lock.byId(deviceId)
      if (Option.isNone(found)) return yield* Effect.logDebug("the device is gone; what it was told of groups is dropped")
      yield* act(found.value)
    })))

  return {
    record: Effect.fn("Groups.record")(function*(
      deviceId: DeviceId,
      facts: ReadonlyArray<GroupFact>,
      options?: { readonly quiet?: boolean }
    ) {
      if (facts.length === 0) return
      yield* withDevice(deviceId, (device) =>
        Effect.gen(function*() {
          for (const [groupId, ofGroup] of Map.groupBy(facts, groupIdOf)) {
            const told = yield* recordGroup(device, groupId, ofGroup)
            if (options?.quiet !== true) yield* events.append(told)
          }
        }))
    }, atBoundary),

    synced: Effect.fn("Groups.synced")(function*(deviceId: DeviceId, all: ReadonlyArray<Jid>) {
      const is = new Set<string>(all)
      yield* withDevice(deviceId, (device) =>
        Effect.gen(function*() {
          const rows = yield* sql`SELECT ${sql.literal(groupColumns)} FROM ${table} WHERE device_id = ${deviceId} AND own_role IS NOT NULL`
          for (const { groupId } of yield* decodeGroups(rows)) {
            if (is.has(groupId)) continue
            const left = GroupFact.Participants({ groupId, action: "remove", participants: [], includesMe: true, author: null })
            yield* events.append(yield* recordGroup(device, groupId, [left]))
          }
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE whatsapp_sessions SET groups_synced_at = ${now} WHERE device_id = ${deviceId}`
        }))
    }, atBoundary)
  }
})

const authorOf = (fact: GroupFact): ChatRef | null => fact._tag === "Stale" ? null : fact.author

const eventsOf = (
  deviceId: DeviceId,
  groupId: Jid,
  group: GroupState,
  { changes, people }: GroupDifference,
  author: ChatRef | null
): ReadonlyArray<NewEvent> => {
  const participantCount = group.participants.length
  const { addressing: _, complete: __, creation: ___, ownRole, participants: ____, ...settings } = group
  return [
    ...(changes.length === 0 ? [] : [{
      type: "group.updated" as const,
      deviceId,
      data: { groupId, ...settings, participantCount, isMember: ownRole !== null, changes, author }
    }]),
    ...people.map(({ action, participants }) => ({
      type: "group.participants" as const,
      deviceId,
      data: { groupId, name: group.name, action, participants, participantCount, author }
    }))
  ]
}
