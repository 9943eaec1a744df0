import { SqlClient } from "@effect/sql"
import { Context, Effect, Layer, Schema } from "effect"
import type { Contact } from "../../domain/Contact.ts"
import type { Device, DeviceStatus } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import type { Group } from "../../domain/Group.ts"
import { changeTypes, type Direction, type Message, type MessageStatus, type MessageType } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { UserId } from "../../domain/User.ts"
import { atBoundary } from "../database/Boundary.ts"
import { contactColumns, decodeContacts } from "../contacts/ContactRow.ts"
import { decodeDevices, deviceColumns } from "../devices/DeviceRow.ts"
import { contains, makeDialect } from "../database/Dialect.ts"
import { decodeGroups, groupColumns } from "../groups/GroupRow.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "../messages/MessageRow.ts"
import { makeNewestRows, type NewestIds } from "./NewestRows.ts"

interface OfSomebody {
  readonly userId?: UserId | undefined
  readonly deviceId?: DeviceId | undefined
  readonly before?: number | undefined
  readonly offset: number
  readonly limit: number
}

/** Rows of tables that grow without end: what is counted is bounded, see {@link NewestIds}. */
export interface NewestPage<A> extends Omit<NewestIds, "ids"> {
  readonly rows: ReadonlyArray<A>
}

/** What all users have, or one of them, across chats. Newest first. */
export class AdminLists extends Context.Tag("whatsapp-service/AdminLists")<AdminLists, {
  readonly devices: (query: {
    readonly userId?: UserId | undefined
    readonly status?: DeviceStatus | undefined
    /** in name, id or phone number */
    readonly search?: string | undefined
    readonly offset: number
    readonly limit: number
  }) => Effect.Effect<{ readonly devices: ReadonlyArray<Device>; readonly total: number }, StorageUnavailable>
  readonly messages: (query: OfSomebody & {
    readonly direction?: Direction | undefined
    readonly status?: MessageStatus | undefined
    readonly messageType?: MessageType | undefined
    /** without what changes other messages */
    readonly shownOnly?: boolean | undefined
  }) => Effect.Effect<NewestPage<{ readonly message: Message; readonly userId: UserId }>, StorageUnavailable>
  readonly contacts: (query: OfSomebody & {
    /** in name, push name or phone number */
    readonly search?: string | undefined
  }) => Effect.Effect<
    NewestPage<{ readonly contact: Contact; readonly userId: UserId; readonly deviceId: DeviceId }>,
    StorageUnavailable
  >
  readonly groups: (query: OfSomebody & {
    /** in the name */
    readonly search?: string | undefined
  }) => Effect.Effect<NewestPage<{ readonly group: Group; readonly userId: UserId }>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    AdminLists,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      const newest = yield* makeNewestRows
      const columns = { device: sql.literal(deviceColumns), message: sql.literal(messageColumns), contact: sql.literal(contactColumns), group: sql.literal(groupColumns) }
      const messages = sql.literal(messagesWithContacts)

      /** The conditions that choose the index, which goes by the device where there is one. */
      const within = ({ deviceId, userId }: OfSomebody) => [
        ...(deviceId === undefined ? [] : [sql`device_id = ${deviceId}`]),
        ...(userId === undefined ? [] : [sql`user_id = ${userId}`])
      ]
      const anyOf = (fields: ReadonlyArray<string>, search: string) =>
        sql.or(fields.flatMap((field) => [
          sql`${sql(field)} LIKE ${contains(search)} ESCAPE '!'`,
          // SQLite's LOWER knows ASCII only: what it leaves is found as it is written
          sql`LOWER(${sql(field)}) LIKE ${contains(search.toLowerCase())} ESCAPE '!'`
        ]))

      return AdminLists.of({
        devices: Effect.fn("AdminLists.devices")(function*({ limit, offset, search, status, userId }) {
          const text = (search ?? "").trim()
          const where = sql.and([
            sql`wanted <> 'deleted'`,
            ...(userId === undefined ? [] : [sql`user_id = ${userId}`]),
            ...(status === undefined ? [] : [sql`status = ${status}`]),
            ...(text === "" ? [] : [anyOf(["device_name", "device_id", "phone_number"], text)])
          ])
          const rows = yield* sql`SELECT ${columns.device} FROM whatsapp_sessions WHERE ${where}
            ORDER BY id DESC ${dialect.limit(limit)} ${sql.literal(`OFFSET ${Math.max(0, Math.trunc(offset))}`)}`
          const [{ total }] = yield* Effect.flatMap(
            sql`SELECT COUNT(*) AS total FROM whatsapp_sessions WHERE ${where}`,
            decodeTotal
          )
          return { devices: yield* decodeDevices(rows), total }
        }, atBoundary),

        messages: Effect.fn("AdminLists.messages")(function*({ direction, messageType, shownOnly = false, status, ...query }) {
          const { ids, ...page } = yield* newest({
            ...query,
            table: "messages",
            columns: "id, direction, status, message_type",
            index: indexOf("messages", query),
            within: within(query),
            filters: [
              ...(direction === undefined ? [] : [sql`direction = ${direction}`]),
              ...(status === undefined ? [] : [sql`status = ${status}`]),
              ...(messageType === undefined ? [] : [sql`message_type = ${messageType}`]),
              ...(shownOnly ? [sql`message_type NOT IN ${sql.in(changeTypes)}`] : [])
            ]
          })
          if (ids.length === 0) return { ...page, rows: [] }
          const rows = yield* sql`SELECT ${columns.message}, m.user_id FROM ${messages} WHERE ${sql.in("m.id", ids)} ORDER BY m.id DESC`
          const owners = yield* decodeOwners(rows)
          const found = yield* decodeMessages(rows)
          return { ...page, rows: found.map((message, index) => ({ message, userId: owners[index]!.userId })) }
        }, atBoundary),

        contacts: Effect.fn("AdminLists.contacts")(function*({ search, ...query }) {
          const text = (search ?? "").trim()
          const { ids, ...page } = yield* newest({
            ...query,
            table: "contacts",
            columns: "id, name, push_name, phone_number",
            index: indexOf("contacts", query),
            within: within(query),
            filters: text === "" ? [] : [anyOf(["name", "push_name", "phone_number"], text.replace(/^\+/, ""))]
          })
          if (ids.length === 0) return { ...page, rows: [] }
          const rows = yield* sql`SELECT ${columns.contact}, user_id, device_id FROM contacts WHERE ${sql.in("id", ids)} ORDER BY id DESC`
          const owners = yield* decodeHolders(rows)
          const found = yield* decodeContacts(rows)
          return { ...page, rows: found.map((contact, index) => ({ contact, ...owners[index]! })) }
        }, atBoundary),

        groups: Effect.fn("AdminLists.groups")(function*({ search, ...query }) {
          const text = (search ?? "").trim()
          const { ids, ...page } = yield* newest({
            ...query,
            table: "groups",
            columns: "id, name",
            index: indexOf("groups", query),
            within: within(query),
            filters: text === "" ? [] : [anyOf(["name"], text)]
          })
          if (ids.length === 0) return { ...page, rows: [] }
          const rows = yield* sql`SELECT ${columns.group}, user_id FROM ${sql("groups")} WHERE ${sql.in("id", ids)} ORDER BY id DESC`
          const owners = yield* decodeOwners(rows)
          const found = yield* decodeGroups(rows)
          return { ...page, rows: found.map((group, index) => ({ group, userId: owners[index]!.userId })) }
        }, atBoundary)
      })
    })
  )
}

const decodeTotal = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ total: Schema.Int })))
const decodeOwners = Schema.decodeUnknown(Schema.Array(Schema.Struct({ userId: UserId })))
const decodeHolders = Schema.decodeUnknown(Schema.Array(Schema.Struct({ userId: UserId, deviceId: DeviceId })))

const indexOf = (table: "messages" | "contacts" | "groups", { deviceId, userId }: OfSomebody) =>
  deviceId !== undefined ? `${table}_device` : userId !== undefined ? `${table}_user` : undefined
