import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { CannotInherit, LastAdministrator, type Role, type User, UserId, UserNotFound } from "../../domain/User.ts"
import { atBoundary } from "../database/Boundary.ts"
import { contains, makeDialect } from "../database/Dialect.ts"
import { toUser, userColumns, UserRow } from "./UserRow.ts"

/** Public names of what users can be sorted by. */
export const UserSort = Schema.Literal("id", "username", "email", "role", "lastLogin", "createdAt")
const sortColumns: Readonly<Record<typeof UserSort.Type, string>> = {
  id: "id",
  username: "username_lower",
  email: "email",
  role: "role",
  lastLogin: "last_login",
  createdAt: "created_at"
}

export interface UserFilter {
  readonly role?: Role | undefined
  readonly isActive?: boolean | undefined
  /** in username, e-mail address or full name */
  readonly search?: string | undefined
}

/** The `users` table as administrators see it. What changes something joins the caller's transaction. */
export class UserDirectory extends Context.Tag("whatsapp-service/UserDirectory")<UserDirectory, {
  readonly list: (query: UserFilter & {
    readonly sort: typeof UserSort.Type
    readonly order: "asc" | "desc"
    readonly offset: number
    readonly limit: number
  }) => Effect.Effect<{ readonly users: ReadonlyArray<User>; readonly total: number }, StorageUnavailable>
  readonly firstAdmin: Effect.Effect<Option.Option<User>, StorageUnavailable>
  /** Fails if without this user nobody administers; else nobody else can leave before the transaction's end. */
  readonly canSpare: (id: UserId) => Effect.Effect<void, LastAdministrator | StorageUnavailable>
  /** Ids of a user's devices in their order, and how many there are. */
  readonly devicesOf: (id: UserId, limit: number) => Effect.Effect<
    { readonly deviceIds: ReadonlyArray<DeviceId>; readonly count: number },
    StorageUnavailable
  >
  /** Wants all of a user's devices deleted; whoever runs them does it. */
  readonly dropDevices: (id: UserId) => Effect.Effect<void, StorageUnavailable>
  /**
   * Devices change hands, with their contacts, groups, jobs and schedules, and with those who want nothing of them. What was written
   * before stays under its user and is read by device.
   */
  readonly handOver: (from: UserId, to: UserId) => Effect.Effect<void, CannotInherit | UserNotFound | StorageUnavailable>
  /** Removes the user with logins, keys, tickets and webhooks. */
  readonly remove: (id: UserId) => Effect.Effect<void, UserNotFound | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    UserDirectory,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, limit } = yield* makeDialect
      const columns = sql.literal(userColumns)

      const where = ({ isActive, role, search }: UserFilter) => {
        const pattern = contains((search ?? "").trim().toLowerCase())
        return sql.and([
          sql`1 = 1`,
          ...(role === undefined ? [] : [sql`role = ${role}`]),
          ...(isActive === undefined ? [] : [sql`is_active = ${isActive ? 1 : 0}`]),
          ...((search ?? "").trim() === "" ? [] : [sql.or([
            sql`username_lower LIKE ${pattern} ESCAPE '!'`,
            sql`email LIKE ${pattern} ESCAPE '!'`,
            sql`LOWER(full_name) LIKE ${pattern} ESCAPE '!'`
          ])])
        ])
      }
      const count = SqlSchema.single({
        Request: Schema.Any,
        Result: Schema.Struct({ total: Schema.Int }),
        execute: (filter: UserFilter) => sql`SELECT COUNT(*) AS total FROM users WHERE ${where(filter)}`
      })
      const deviceIds = SqlSchema.findAll({
        Request: Schema.Struct({ id: UserId, limit: Schema.Int }),
        Result: Schema.Struct({ deviceId: DeviceId }),
        execute: (request) =>
          sql`SELECT device_id FROM whatsapp_sessions WHERE user_id = ${request.id} AND wanted <> 'deleted'
            ORDER BY id ${limit(request.limit)}`
      })
      const deviceCount = SqlSchema.single({
        Request: UserId,
        Result: Schema.Struct({ total: Schema.Int }),
        execute: (id) => sql`SELECT COUNT(*) AS total FROM whatsapp_sessions WHERE user_id = ${id} AND wanted <> 'deleted'`
      })
      const existing = (id: UserId) =>
        Effect.flatMap(sql`SELECT id FROM users WHERE id = ${id} ${forUpdate}`, (rows) =>
          rows.length === 0 ? new UserNotFound({ userId: id }) : Effect.void)

      return UserDirectory.of({
        list: Effect.fn("UserDirectory.list")(function*({ limit: most, offset, order, sort, ...filter }) {
          const by = sql.literal(`${sortColumns[sort]} ${order === "desc" ? "DESC" : "ASC"}, id ${order === "desc" ? "DESC" : "ASC"}`)
          const rows = yield* sql`SELECT ${columns} FROM users WHERE ${where(filter)}
            ORDER BY ${by} ${limit(most)} ${sql.literal(`OFFSET ${Math.max(0, Math.trunc(offset))}`)}`
          const { total } = yield* count(filter).pipe(Effect.catchTag("NoSuchElementException", Effect.die))
          return { users: (yield* decodeUsers(rows)).map(toUser), total }
        }, atBoundary),

        firstAdmin: sql`SELECT ${columns} FROM users WHERE role = 'admin' AND is_active = 1 ORDER BY id LIMIT 1`.pipe(
          Effect.flatMap(decodeUsers),
          Effect.map(([row]) => Option.map(Option.fromNullable(row), toUser)),
          atBoundary
        ),

        canSpare: Effect.fn("UserDirectory.canSpare")(function*(id: UserId) {
          // all of them locked: of two administrators who demote each other one does
          const admins = yield* sql`SELECT id FROM users WHERE role = 'admin' AND is_active = 1 ORDER BY id ${forUpdate}`.pipe(
            Effect.flatMap(decodeIds)
          )
          if (admins.every((admin) => admin.id === id)) return yield* new LastAdministrator()
        }, atBoundary),

        devicesOf: Effect.fn("UserDirectory.devicesOf")(function*(id: UserId, most: number) {
          const ids = yield* deviceIds({ id, limit: most })
          const { total } = yield* deviceCount(id).pipe(Effect.catchTag("NoSuchElementException", Effect.die))
          return { deviceIds: ids.map(({ deviceId }) => deviceId), count: total }
        }, atBoundary),

        dropDevices: Effect.fn("UserDirectory.dropDevices")(function*(id: UserId) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE whatsapp_sessions SET wanted = 'deleted', updated_at = ${now} WHERE user_id = ${id}`
        }, atBoundary),

        handOver: Effect.fn("UserDirectory.handOver")(function*(from: UserId, to: UserId) {
          const now = yield* Clock.currentTimeMillis
          yield* existing(to)
          const active = yield* sql`SELECT id FROM users WHERE id = ${to} AND is_active = 1`
          if (to === from || active.length === 0) return yield* new CannotInherit({ userId: to })
          yield* sql`UPDATE whatsapp_sessions SET user_id = ${to}, updated_at = ${now} WHERE user_id = ${from}`
          for (const table of ["contacts", "groups", "jobs", "schedules"]) {
            yield* sql`UPDATE ${sql(table)} SET user_id = ${to} WHERE user_id = ${from}`
          }
          yield* sql`UPDATE opt_outs SET user_id = ${to} WHERE user_id = ${from} AND address NOT IN (
            SELECT address FROM (SELECT address FROM opt_outs WHERE user_id = ${to}) theirs
          )`
        }, atBoundary),

        remove: Effect.fn("UserDirectory.remove")(function*(id: UserId) {
          yield* existing(id)
          yield* sql`DELETE FROM refresh_tokens WHERE user_id = ${id}`
          yield* sql`DELETE FROM api_keys WHERE user_id = ${id}`
          yield* sql`DELETE FROM event_tickets WHERE user_id = ${id}`
          yield* sql`DELETE FROM opt_outs WHERE user_id = ${id}`
          // their deliveries go with the next pruning
          yield* sql`DELETE FROM webhook_secrets WHERE webhook_id IN (SELECT id FROM webhooks WHERE user_id = ${id})`
          yield* sql`DELETE FROM webhooks WHERE user_id = ${id}`
          yield* sql`DELETE FROM users WHERE id = ${id}`
        }, atBoundary)
      })
    })
  )
}

const decodeUsers = Schema.decodeUnknown(Schema.Array(UserRow))
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: UserId })))
