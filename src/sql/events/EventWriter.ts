import { SqlClient, type Statement } from "@effect/sql"
import { Clock, Effect, Exit, type ParseResult, PubSub, Schema, Stream } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { EventId, EventType, eventTypes, eventVersion, type NewEvent, ServiceEvent } from "../../domain/ServiceEvent.ts"
import { UserId } from "../../domain/User.ts"
import { atBoundary } from "../database/Boundary.ts"
import { makeDialect } from "../database/Dialect.ts"
import type { EventFilter } from "./EventLog.ts"
import { OpenTransaction } from "../database/OpenTransaction.ts"

const mostAtOnce = 1000
const otherProcesses = "1 second"

const EventRow = Schema.Struct({
  id: EventId,
  type: EventType,
  version: Schema.Int,
  deviceId: DeviceId,
  userId: UserId,
  sequence: Schema.Int,
  timestamp: Schema.DateTimeUtcFromNumber,
  data: Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
})
const SessionRow = Schema.Tuple(Schema.Struct({ userId: UserId }))
const Edge = Schema.Tuple(Schema.Struct({ id: Schema.Int }))

const encoders = Object.fromEntries(
  Object.entries(eventTypes).map(([type, schema]) =>
    [type, Schema.encodeUnknown(Schema.parseJson(Schema.Struct(schema.fields)))] as const
  )
)
const encode = (event: NewEvent): Effect.Effect<string, ParseResult.ParseError> => encoders[event.type]!(event.data)

export const makeEventLog = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const wake = yield* PubSub.sliding<void>(1)

  const ownerOf = Effect.fnUntraced(function*(deviceId: DeviceId) {
    const rows = yield* sql`SELECT user_id FROM whatsapp_sessions WHERE device_id = ${deviceId}`
    const [{ userId }] = yield* decodeSession(rows)
    return userId
  })

  const write = Effect.fnUntraced(function*(events: ReadonlyArray<NewEvent>, owners: ReadonlyMap<DeviceId, UserId>) {
    if (events.length === 0) return
    const timestamp = yield* Clock.currentTimeMillis
    const encoded = yield* Effect.forEach(events, encode)
    const devices = new Map<DeviceId, { readonly userId: UserId; next: number }>()
    // in one order, so that transactions over several devices do not deadlock here; the counter's row last of all
    for (const deviceId of [...new Set(events.map((event) => event.deviceId))].toSorted()) {
      const count = events.filter((event) => event.deviceId === deviceId).length
      const last = yield* dialect.advance("whatsapp_sessions", "event_sequence", count, sql`device_id = ${deviceId}`)
      devices.set(deviceId, { userId: owners.get(deviceId) ?? (yield* ownerOf(deviceId)), next: last - count + 1 })
    }
    const lastId = yield* dialect.advance("event_counter", "last_event_id", events.length, sql`id = 1`)
    const rows = events.map((event, index) => {
      const device = devices.get(event.deviceId)!
      return {
        id: lastId - events.length + 1 + index,
        deviceId: event.deviceId,
        userId: device.userId,
        sequence: device.next++,
        type: event.type,
        version: eventVersion,
        data: encoded[index],
        timestamp
      }
    })
    for (let start = 0; start < rows.length; start += 250) {
      yield* sql`INSERT INTO events ${sql.insert(rows.slice(start, start + 250))}`
    }
  })

  /** Events of a savepoint that is rolled back go with it. */
  const joined = <A, E, R>(outgoing: Array<NewEvent>, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const before = outgoing.length
      return Effect.onError(sql.withTransaction(effect), () => Effect.sync(() => outgoing.splice(before)))
    })

  const outermost = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const open = { events: new Array<NewEvent>(), owners: new Map<DeviceId, UserId>(), closed: false }
      return effect.pipe(
        Effect.provideService(OpenTransaction, open),
        Effect.tap(() => {
          open.closed = true
          return write(open.events, open.owners)
        }),
        sql.withTransaction,
        Effect.onExit((exit) =>
          Exit.isSuccess(exit) && open.events.length > 0 ? PubSub.publish(wake, undefined) : Effect.void
        )
      )
    })

  const where = (filter: EventFilter) =>
    sql.and([
      sql`id > ${filter.after}`,
      ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
      ...(filter.deviceId === undefined ? [] : [sql`device_id = ${filter.deviceId}`]),
      ...(filter.deviceIds === undefined ? [] : [sql.in("device_id", filter.deviceIds)]),
      ...(filter.types === undefined || filter.types.length === 0 ? [] : [sql.in("type", filter.types)])
    ])
  const events = Effect.fnUntraced(function*(condition: Statement.Fragment) {
    const rows = yield* sql`SELECT id, type, version, device_id, user_id, sequence, timestamp, data FROM events WHERE ${condition}`
    return (yield* decodeEvents(rows)).map((row) => new ServiceEvent(row, { disableValidation: true }))
  })
  const edge = (order: "ASC" | "DESC") =>
    sql`SELECT id FROM events ORDER BY id ${sql.literal(order)} LIMIT 1`.pipe(
      Effect.flatMap((rows) => rows.length === 0 ? Effect.succeed(0) : Effect.map(decodeEdge(rows), ([row]) => row.id)),
      atBoundary
    )

  return {
    transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      atBoundary(
        Effect.flatMap(OpenTransaction, (open) => open === undefined ? outermost(effect) : joined(open.events, effect))
      ),
    append: Effect.fn("EventLog.append")(function*(events: ReadonlyArray<NewEvent>) {
      const open = yield* OpenTransaction
      if (open === undefined) {
        yield* Effect.tap(sql.withTransaction(write(events, new Map())), () => PubSub.publish(wake, undefined))
      } else if (open.closed) {
        return yield* Effect.dieMessage("events were appended to a transaction that has ended")
      } else {
        open.events.push(...events)
      }
    }, atBoundary),
    after: Effect.fn("EventLog.after")(function*(filter: EventFilter) {
      return yield* events(sql`${where(filter)} ORDER BY id ${dialect.limit(Math.min(filter.limit, mostAtOnce))}`)
    }, atBoundary),
    byId: Effect.fn("EventLog.byId")(function*(ids: ReadonlyArray<EventId>) {
      if (ids.length === 0) return new Map()
      return new Map((yield* events(sql.in("id", ids.slice(0, mostAtOnce)))).map((event) => [event.id, event]))
    }, atBoundary),
    latest: edge("DESC"),
    oldest: edge("ASC"),
    changes: Stream.unwrapScoped(
      Effect.map(PubSub.subscribe(wake), (queue) => Stream.merge(Stream.fromQueue(queue), Stream.tick(otherProcesses)))
    )
  }
})

const decodeSession = Schema.decodeUnknown(SessionRow)
const decodeEvents = Schema.decodeUnknown(Schema.Array(EventRow))
const decodeEdge = Schema.decodeUnknown(Edge)
