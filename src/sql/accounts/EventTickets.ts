import { SqlClient, SqlSchema } from "@effect/sql"
import { Clock, Context, Effect, Layer, Option, Schedule, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { UserId } from "../../domain/User.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"

/** What a ticket lets its bearer do, which is never more than what he may who asked for it. */
export const TicketGrant = Schema.Struct({
  userId: UserId,
  /** of these one: the login or the API key that asked for it */
  familyId: Schema.NullOr(Schema.String),
  apiKeyPrefix: Schema.NullOr(Schema.String),
  devices: Schema.NullOr(Schema.parseJson(Schema.Array(DeviceId))),
  /** when the stream that it opens has to end */
  streamUntil: Schema.DateTimeUtcFromNumber
})
export type TicketGrant = typeof TicketGrant.Type

/** The `event_tickets` table: each opens one event stream, on whichever node it is shown first. */
export class EventTickets extends Context.Tag("whatsapp-service/EventTickets")<EventTickets, {
  readonly issue: (ticketHash: string, grant: TicketGrant, lifetimeMillis: number) => Effect.Effect<void, StorageUnavailable>
  /** Uses the ticket up. None: unknown, expired, or used before. */
  readonly redeem: (ticketHash: string) => Effect.Effect<Option.Option<TicketGrant>, StorageUnavailable>
  /** Removes at most `limit` expired rows. */
  readonly prune: (limit: number) => Effect.Effect<void, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    EventTickets,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, limit } = yield* makeDialect

      const good = SqlSchema.findOne({
        Request: Schema.Struct({ ticketHash: Schema.String, now: Schema.Number }),
        Result: TicketGrant,
        execute: ({ now, ticketHash }) =>
          sql`SELECT user_id, family_id, api_key_prefix, devices, stream_until FROM event_tickets
            WHERE ticket_hash = ${ticketHash} AND expires_at > ${now} ${forUpdate}`
      })

      const issue = Effect.fn("EventTickets.issue")(function*(ticketHash: string, grant: TicketGrant, lifetimeMillis: number) {
        const now = yield* Clock.currentTimeMillis
        const row = yield* Schema.encode(TicketGrant)(grant)
        yield* sql`INSERT INTO event_tickets ${sql.insert({ ticketHash, ...row, expiresAt: now + lifetimeMillis })}`
      }, atBoundary)

      const redeem = Effect.fn("EventTickets.redeem")(
        function*(ticketHash: string) {
          // locked: the second of two who show one ticket waits, and then finds none
          const grant = yield* good({ ticketHash, now: yield* Clock.currentTimeMillis })
          if (Option.isSome(grant)) yield* sql`DELETE FROM event_tickets WHERE ticket_hash = ${ticketHash}`
          return grant
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const prune = Effect.fn("EventTickets.prune")(function*(rows: number) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`DELETE FROM event_tickets WHERE ticket_hash IN (SELECT ticket_hash FROM
          (SELECT ticket_hash FROM event_tickets WHERE expires_at <= ${now} ORDER BY expires_at ${limit(rows)}) AS expired)`
      }, atBoundary)

      yield* prune(10_000).pipe(
        Effect.catchTag("StorageUnavailable", (error) => Effect.logWarning("Expired tickets were not removed", error)),
        Effect.repeat(pruning),
        Effect.forkScoped
      )

      return EventTickets.of({ issue, redeem, prune })
    })
  )
}

const pruning = Schedule.jittered(Schedule.spaced("1 minute"))
