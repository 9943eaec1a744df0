import { SqlClient } from "@effect/sql"
import { Array, Effect, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { GroupNotFound, type GroupParticipant } from "../../domain/Group.ts"
import type { Jid } from "../../domain/Jid.ts"
import { atBoundary } from "../database/Boundary.ts"
import { contactColumns, decodeContacts } from "../contacts/ContactRow.ts"
import { contains, makeDialect } from "../database/Dialect.ts"
import { decodeGroups, decodePeople, groupColumns, peopleColumns } from "./GroupRow.ts"
import type { GroupQuery } from "./Groups.ts"

const namesAtOnce = 200

export const makeGroupReader = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const table = sql("groups")
  const columns = sql.literal(groupColumns)
  const people = sql.literal(peopleColumns)
  const sortKey = sql.literal("sort_name")

  const contactsBy = (deviceId: DeviceId, key: "jid" | "lid", values: ReadonlyArray<string>) =>
    Effect.forEach(Array.chunksOf(values, namesAtOnce), (some) =>
      Effect.flatMap(
        sql`SELECT ${sql.literal(contactColumns)} FROM contacts WHERE device_id = ${deviceId} AND ${sql.in(key, some)}`,
        decodeContacts
      )).pipe(Effect.map(Array.flatten))

  /** Names, and the ids that the group's list does not tell, as the device's contacts have them. */
  const named = Effect.fnUntraced(function*(deviceId: DeviceId, participants: ReadonlyArray<GroupParticipant>) {
    const jids = participants.flatMap(({ jid, phone }) => phone === null ? [] : [jid])
    const lids = participants.flatMap(({ lid }) => lid ?? [])
    const known = [...(yield* contactsBy(deviceId, "jid", jids)), ...(yield* contactsBy(deviceId, "lid", lids))]
    const byId = new Map(known.flatMap((contact) => [[contact.jid, contact] as const, ...(contact.lid === null ? [] : [[contact.lid, contact] as const])]))
    return participants.map((each) => {
      const contact = byId.get(each.lid ?? each.jid) ?? byId.get(each.jid)
      const phone = each.phone ?? contact?.phoneNumber ?? null
      return {
        jid: each.phone === null && contact !== undefined ? contact.jid : each.jid,
        lid: each.lid ?? contact?.lid ?? null,
        phone,
        role: each.role,
        name: contact?.name ?? contact?.pushName ?? null
      }
    })
  })

  return {
    get: Effect.fn("Groups.get")(function*(deviceId: DeviceId, groupId: Jid) {
      const rows = yield* sql`SELECT ${columns}, ${people} FROM ${table} WHERE device_id = ${deviceId} AND group_id = ${groupId}`
      const [group] = yield* decodeGroups(rows)
      const [told] = yield* decodePeople(rows)
      if (group === undefined || told === undefined) return yield* new GroupNotFound({ groupId })
      return { group, addressing: told.addressing, participants: yield* named(deviceId, told.participants ?? []) }
    }, atBoundary),

    members: Effect.fn("Groups.members")(function*(deviceId: DeviceId, groupId: Jid) {
      const rows = yield* sql`SELECT ${columns}, ${people} FROM ${table}
        WHERE device_id = ${deviceId} AND group_id = ${groupId} AND own_role IS NOT NULL AND refreshed_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM inbound_journal j WHERE j.device_id = ${deviceId} AND j.done_at IS NULL AND j.kind = 'group')`
      const [group] = yield* decodeGroups(rows)
      const [told] = yield* decodePeople(rows)
      if (group?.refreshedAt == null || told === undefined) return Option.none()
      const { ephemeralSeconds, refreshedAt } = group
      return Option.some({ ephemeralSeconds, refreshedAt: refreshedAt.epochMillis, addressing: told.addressing, participants: told.participants ?? [] })
    }, atBoundary),

    list: Effect.fn("Groups.list")(function*(deviceId: DeviceId, query: GroupQuery) {
      const search = query.search?.trim() ?? ""
      const keyOfAfter = sql`(SELECT ${sortKey} FROM ${table} WHERE id = ${query.after ?? 0} AND device_id = ${deviceId})`
      const rows = yield* sql`SELECT ${columns} FROM ${table} ${dialect.through("groups_sorted")} WHERE ${
        sql.and([
          sql`device_id = ${deviceId}`,
          ...(query.onlyJoined ? [sql`own_role IS NOT NULL`] : []),
          ...(search === "" ? [] : [sql.or([
            // SQLite's LOWER knows ASCII only: what it leaves is found as it is written
            sql`name LIKE ${contains(search)} ESCAPE '!'`,
            sql`LOWER(name) LIKE ${contains(search.toLowerCase())} ESCAPE '!'`
          ])]),
          ...(query.after === undefined
            ? []
            : [sql`${sortKey} >= ${keyOfAfter} AND (${sortKey} > ${keyOfAfter} OR id > ${query.after})`])
        ])
      } ORDER BY ${sortKey}, id ${dialect.limit(query.limit)}`
      return yield* decodeGroups(rows)
    }, atBoundary),

    syncedAt: Effect.fn("Groups.syncedAt")(function*(deviceId: DeviceId) {
      const rows = yield* sql`SELECT groups_synced_at FROM whatsapp_sessions WHERE device_id = ${deviceId}`
      const [device] = yield* decodeSynced(rows)
      return Option.fromNullable(device?.groupsSyncedAt)
    }, atBoundary)
  }
})

const decodeSynced = Schema.decodeUnknown(
  Schema.Array(Schema.Struct({ groupsSyncedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber) }))
)
