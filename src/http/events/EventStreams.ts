import type { HttpApiError } from "@effect/platform"
import { Chunk, Clock, Context, DateTime, Effect, Layer, Option, Queue, Ref, type Scope, Stream } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { EventType, ServiceEvent } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId } from "../../domain/User.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { type Credential, streamUntil, userIdOf } from "../auth/Credential.ts"
import { CredentialUsers } from "../auth/CredentialUsers.ts"
import { TooManyStreams } from "../contract/EventsApi.ts"
import { fieldRefused } from "../contract/FieldRefused.ts"
import { Shutdown } from "../Shutdown.ts"
import { makeDeviceSnapshot } from "./DeviceSnapshot.ts"
import { controlFrame, eventFrame, heartbeatFrame, retryFrame } from "./EventFrame.ts"
import { EventHub, type HubMessage } from "./EventHub.ts"

export interface EventStreamRequest {
  readonly credential: Credential
  /** an administrator sees everybody's events */
  readonly everybody: boolean
  readonly deviceId?: DeviceId | undefined
  readonly types?: ReadonlyArray<EventType> | undefined
  /** the last event that the client has; without it the stream begins now */
  readonly lastEventId?: number | undefined
  /** how the devices stand comes first, unless the stream goes on where the client was */
  readonly snapshot?: boolean | undefined
}

/** Event streams of clients, as bytes of server-sent events. */
export class EventStreams extends Context.Tag("whatsapp-service/EventStreams")<EventStreams, {
  /** The stream counts as open until the scope closes. A `lastEventId` that is not there yet is refused. */
  readonly open: (request: EventStreamRequest) => Effect.Effect<
    Stream.Stream<Uint8Array, StorageUnavailable>,
    TooManyStreams | HttpApiError.HttpApiDecodeError | StorageUnavailable,
    Scope.Scope
  >
}>() {
  static readonly layer = Layer.effect(
    EventStreams,
    Effect.gen(function*() {
      const log = yield* EventLog
      const hub = yield* EventHub
      const shutdown = yield* Shutdown
      const users = yield* CredentialUsers
      const deviceSnapshot = yield* makeDeviceSnapshot
      const openByUser = yield* Ref.make<ReadonlyMap<UserId, number>>(new Map())

      /** Where to begin, and what to tell the client first. */
      const begin = (request: EventStreamRequest) =>
        Effect.gen(function*() {
          const latest = yield* log.latest
          const wanted = request.lastEventId
          if (wanted === undefined) return { cursor: latest, frames: [connected(latest), ...(yield* snapshot(request, latest))] }
          const oldest = yield* log.oldest
          const lost = wanted < latest && (oldest === 0 || wanted < oldest - 1)
          if (!lost) return { cursor: wanted, frames: [connected(wanted)] }
          const cursor = oldest === 0 ? latest : oldest - 1
          return {
            cursor,
            frames: [
              connected(cursor),
              controlFrame({ type: "reset", requested: wanted, oldest, lastEventId: cursor }, cursor),
              ...(yield* snapshot(request, cursor))
            ]
          }
        })

      /** Read after the cursor: a change that comes in between is in both, and never in neither. */
      const snapshot = Effect.fnUntraced(function*(request: EventStreamRequest, cursor: number) {
        if (request.snapshot !== true) return []
        const { deviceIds, userId } = visible(request)
        return [controlFrame({ type: "snapshot", lastEventId: cursor, ...(yield* deviceSnapshot({ userId, deviceIds })) }, cursor)]
      })

      const pages = (request: EventStreamRequest, until: DateTime.Utc, from: number, live: Queue.Dequeue<HubMessage>) => {
        const filter = { ...visible(request), types: request.types }
        const concerns = (event: ServiceEvent) =>
          (filter.userId === undefined || event.userId === filter.userId) &&
          (filter.deviceIds === undefined || filter.deviceIds.includes(event.deviceId)) &&
          (filter.types === undefined || filter.types.includes(event.type))

        /** Reads the log until it is read; the ring holds what comes meanwhile. */
        const catchUp = (state: State): Effect.Effect<Step, StorageUnavailable> =>
          Effect.gen(function*() {
            const latest = yield* log.latest
            if (latest <= state.cursor) return [Chunk.empty<Uint8Array>(), { ...state, phase: "live" }]
            const events = yield* log.after({ ...filter, after: state.cursor, limit: pageSize })
            const last = events.at(-1)?.id ?? 0
            const cursor = events.length < pageSize ? Math.max(latest, last) : last
            return [Chunk.fromIterable(events.map(eventFrame)), { ...state, cursor }]
          })

        const follow = (state: State, now: number): Effect.Effect<Step> =>
          Effect.gen(function*() {
            const patience = Math.max(1, Math.min(heartbeatEvery, until.epochMillis - now))
            const taken = yield* Effect.timeoutOption(Queue.takeBetween(live, 1, 256), patience)
            if (Option.isNone(taken)) return [Chunk.of(heartbeatFrame), state]
            const frames: Array<Uint8Array> = []
            let cursor = state.cursor
            for (const message of taken.value) {
              if (message._tag === "Draining") return closed({ ...state, cursor }, "shutdown", frames)
              const { bytes, event } = message
              if (event.id <= cursor) continue
              if (event.id > cursor + 1) return closed({ ...state, cursor }, "too_slow", frames)
              cursor = event.id
              if (concerns(event)) frames.push(bytes)
            }
            return [Chunk.unsafeFromArray(frames), { ...state, cursor }]
          })

        const refusal = users.behind(request.credential).pipe(
          Effect.map((user) => request.everybody && !user.isAdmin ? "role_changed" : undefined),
          Effect.catchTags({
            Unauthorized: ({ reason }) => Effect.succeed(reason === "inactive" ? "user_inactive" : "logged_out"),
            // a database that is away says nothing about the user
            StorageUnavailable: () => Effect.succeed(undefined)
          })
        )

        const step = (state: State): Effect.Effect<Option.Option<Step>, StorageUnavailable> =>
          Effect.gen(function*() {
            if (state.phase === "ended") return Option.none()
            if (yield* shutdown.isDraining) return Option.some(closed(state, "shutdown"))
            const now = yield* Clock.currentTimeMillis
            if (now >= until.epochMillis) return Option.some(closed(state, "token_expired"))
            const isDue = now - state.checkedAt >= recheckEvery
            const refused = isDue ? yield* refusal : undefined
            if (refused !== undefined) return Option.some(closed(state, refused))
            const checked = isDue ? { ...state, checkedAt: now } : state
            return Option.some(yield* checked.phase === "catchUp" ? catchUp(checked) : follow(checked, now))
          })

        return Stream.unfoldChunkEffect({ phase: "catchUp", cursor: from, checkedAt: 0 } as State, step)
      }

      const open = Effect.fn("EventStreams.open")(function*(request: EventStreamRequest) {
        const userId = userIdOf(request.credential)
        const until = streamUntil(request.credential, yield* DateTime.now)
        yield* Effect.acquireRelease(
          Ref.modify(openByUser, (counts) => {
            const isFull = (counts.get(userId) ?? 0) >= mostPerUser
            return [isFull, isFull ? counts : count(userId, 1)(counts)]
          }).pipe(Effect.flatMap((isFull) =>
            isFull ? new TooManyStreams({ limit: mostPerUser, retryAfterSeconds: 30 }) : Effect.void
          )),
          () => Ref.update(openByUser, count(userId, -1))
        )
        const wanted = request.lastEventId ?? 0
        const latest = wanted === 0 ? 0 : yield* log.latest
        if (wanted > latest) return yield* fieldRefused("lastEventId", `there is no such event yet; the newest is ${latest}`)
        return Stream.unwrapScoped(Effect.gen(function*() {
          const live = yield* hub.subscribe
          const { cursor, frames } = yield* begin(request)
          return Stream.concat(Stream.make(retryFrame, ...frames), pages(request, until, cursor, live))
        }))
      })

      return EventStreams.of({ open })
    })
  )
}

/** Whose events, and of which devices, the client sees of those that it asks for. */
const visible = ({ credential, deviceId, everybody }: EventStreamRequest) => ({
  userId: everybody ? undefined : userIdOf(credential),
  deviceIds: deviceId === undefined
    ? credential.devices ?? undefined
    : [deviceId].filter((id) => credential.devices === null || credential.devices.includes(id))
})

interface State {
  readonly phase: "catchUp" | "live" | "ended"
  /** the id of the last event that was sent or did not concern this client */
  readonly cursor: number
  /** when the user was last seen to have the right */
  readonly checkedAt: number
}
type Step = readonly [Chunk.Chunk<Uint8Array>, State]

const pageSize = 500
const mostPerUser = 100
/** milliseconds */
const heartbeatEvery = 15_000
const recheckEvery = 30_000

const connected = (cursor: number) => controlFrame({ type: "connected", message: "SSE connected", lastEventId: cursor }, cursor)

const closed = (state: State, reason: string, before: ReadonlyArray<Uint8Array> = []): Step => [
  Chunk.fromIterable([...before, controlFrame({ type: "closed", reason, lastEventId: state.cursor })]),
  { ...state, phase: "ended" }
]

const count = (userId: UserId, by: 1 | -1) => (counts: ReadonlyMap<UserId, number>) => {
  const next = new Map(counts)
  const left = (counts.get(userId) ?? 0) + by
  if (left === 0) next.delete(userId)
  else next.set(userId, left)
  return next
}
