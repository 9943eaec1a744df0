import { Cause, Context, type DateTime, Deferred, Duration, Effect, Layer, Option, Predicate, Queue, Ref, Schedule, type Scope, SubscriptionRef } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Restriction } from "../domain/Device.ts"
import { qrDataUrl } from "../domain/QrImage.ts"
import type { OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { Contacts } from "../sql/contacts/Contacts.ts"
import { Devices } from "../sql/devices/Devices.ts"
import { Groups } from "../sql/groups/Groups.ts"
import { isRefusal } from "../sql/database/Dialect.ts"
import { Messages } from "../sql/messages/Messages.ts"
import { CloseAction, type CloseReason } from "../whatsapp/socket/CloseReason.ts"
import { type Connection, CredentialsUnreadable, SocketEvent, WhatsApp } from "../whatsapp/WhatsApp.ts"
import { makeRestrictions } from "./DeviceRestriction.ts"
import { type GroupDesk, GroupDesks } from "./groups/GroupDesk.ts"
import { makeGroupUpkeep } from "./groups/GroupUpkeep.ts"
import { HistoryImport } from "./receiving/HistoryImport.ts"
import { stableAfter } from "./Reconnect.ts"
import { LoginGate } from "./LoginGate.ts"
import { MediaFetcher } from "./media/MediaFetcher.ts"
import { OutboxPump } from "./outbox/OutboxPump.ts"
import { Projector } from "./receiving/Projector.ts"
import { storagePauses, untilStored } from "./UntilStored.ts"

const connectWithin = Duration.seconds(45)
const drainWithin = Duration.seconds(90)
const gatherFor = Duration.millis(10)
const probeEvery = Duration.seconds(60)
const lastRowsWithin = Duration.seconds(5)

export interface SessionOptions {
  readonly deviceId: DeviceId
  readonly epoch: number
  readonly pairing: boolean
  readonly restriction: Restriction | null
  /** set while the socket is there, for commands that need it */
  readonly live: SubscriptionRef.SubscriptionRef<Option.Option<LiveConnection>>
}

interface Socket {
  readonly connection: Connection
  readonly groups: GroupDesk
}

export interface LiveConnection extends Socket {
  readonly epoch: number
}

export interface SessionEnd {
  readonly closed: CloseReason
  /** it was online for a minute or more */
  readonly stable: boolean
}

/** One socket from opening to its end, with everything that runs on it: projection, pump, watchdogs. */
export class DeviceSession extends Context.Tag("whatsapp-service/DeviceSession")<DeviceSession, {
  readonly run: (
    options: SessionOptions
  ) => Effect.Effect<SessionEnd, CredentialsUnreadable | OwnerChanged | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    DeviceSession,
    Effect.gen(function*() {
      const whatsapp = yield* WhatsApp
      const devices = yield* Devices
      const contacts = yield* Contacts
      const messages = yield* Messages
      const projector = yield* Projector
      const history = yield* HistoryImport
      const groups = yield* Groups
      const groupDesks = yield* GroupDesks
      const pump = yield* OutboxPump
      const gate = yield* LoginGate
      const fetcher = yield* MediaFetcher
      const restrictionOf = yield* makeRestrictions

      const run = Effect.fn("DeviceSession.run")(function*(options: SessionOptions) {
        const { deviceId, epoch } = options
        // what the socket has stored by its end becomes rows although the socket is gone
        yield* Effect.addFinalizer(() =>
          Effect.zipRight(projector.drain(deviceId), groupDesks.drain(deviceId)).pipe(
            // otherwise it is the next owner's to do
            Effect.whenEffect(devices.owns(deviceId, epoch)),
            Effect.interruptible,
            Effect.timeout(lastRowsWithin),
            Effect.catchAllCause((cause) => Effect.logWarning("The rest of the journal waits for the next socket", cause))
          )
        )

        const ended = yield* Deferred.make<CloseReason, OwnerChanged | StorageUnavailable>()
        const settings = yield* devices.settings(deviceId).pipe(
          Effect.catchTag("DeviceNotFound", Effect.die),
          // the proxy's address is encrypted like the credentials, and without it there is no going out
          Effect.catchSomeDefect((cause) =>
            Predicate.isTagged(cause, "Undecipherable")
              ? Option.some(new CredentialsUnreadable({ deviceId, cause }))
              : Option.none()
          )
        )
        const loggedIn = yield* Effect.makeLatch(false)
        const drained = yield* Effect.makeLatch(false)
        const journalled = yield* Queue.sliding<void>(1)
        const historyTold = yield* Queue.sliding<void>(1)
        const groupUpkeep = yield* makeGroupUpkeep
        const stable = yield* Ref.make(false)
        const online = yield* Ref.make(false)

        const recycle = (text: string) => Deferred.succeed(ended, lost(text))

        const setConnected = (restriction: Restriction | null) =>
          devices.setState(deviceId, epoch, { status: "connected", reason: null, reasonText: null, retryAt: null, restriction })
        const restriction = yield* restrictionOf({
          deviceId,
          before: options.restriction,
          tell: (current) => Effect.asVoid(Effect.whenEffect(setConnected(current), online))
        })

        const comeOnline = Effect.fnUntraced(function*(
          { connection, groups: desk }: Socket,
          pairing: Extract<SocketEvent, { _tag: "Open" }>
        ) {
          yield* devices.setPairing(deviceId, epoch, pairing)
          yield* restriction.loggedIn
          yield* setConnected(yield* restriction.current)
          yield* Ref.set(online, true)
          yield* loggedIn.open
          yield* Effect.forkScoped(
            pump.run({
              deviceId,
              epoch,
              connection,
              restriction,
              stuck: (text) => Effect.asVoid(recycle(text)),
              disowned: (error) => Effect.asVoid(Deferred.fail(ended, error))
            })
          )
          yield* Effect.forkScoped(Effect.delay(Ref.set(stable, true), stableAfter))
          yield* Effect.forkScoped(watchLink(connection))
          yield* Effect.forkScoped(importHistory(connection))
          yield* Effect.forkScoped(Effect.zipRight(drained.await, groupUpkeep.sync(desk)))
          yield* Effect.forkScoped(fetcher.run(deviceId, connection))
        })

        const handle = (socket: Socket) => SocketEvent.$match({
          Qr: Effect.fnUntraced(function*({ expiresAt, qr }: { readonly qr: string; readonly expiresAt: DateTime.Utc }) {
            yield* devices.showQr(deviceId, epoch, { qr, qrCode: yield* qrDataUrl(qr), expiresAt })
            yield* loggedIn.open
          }),
          Paired: (pairing) => devices.setPairing(deviceId, epoch, pairing),
          Open: (pairing) => comeOnline(socket, pairing),
          Drained: () => drained.open,
          Journalled: () => Effect.zipRight(Queue.offer(journalled, undefined), Queue.offer(historyTold, undefined)),
          GroupsTold: () => groupUpkeep.told,
          GroupsStale: () => groupUpkeep.stale,
          Contacts: ({ contacts: facts }) =>
            contacts.upsert(deviceId, facts).pipe(
              // a name that the database does not take must not stand in the way of all that the socket says after it
              Effect.catchIf(isRefusal, (error) => Effect.logError("Contacts cannot be written and are left out", error))
            ),
          Restricted: (told) => restriction.set(told.restriction),
          Closed: ({ reason }) => Deferred.succeed(ended, reason)
        })

        const consume = (socket: Socket) => {
          const handleNext = handle(socket)
          return Effect.forever(
            Effect.flatMap(
              Queue.take(socket.connection.events),
              // each step may be done twice, and none may be left out: contacts for instance are told but once
              (event) => untilStored<unknown, OwnerChanged, Scope.Scope>(handleNext(event))
            )
          )
        }

        const project = Effect.forever(
          Effect.zipRight(
            projector.drain(deviceId).pipe(
              Effect.sandbox,
              Effect.tapError((cause) => Effect.logWarning("What WhatsApp sent could not be written yet", cause)),
              Effect.retry({ schedule: storagePauses, while: (cause) => !Cause.isInterruptedOnly(cause) })
            ),
            // a moment for what comes in one go to become one transaction
            Effect.zipRight(Queue.take(journalled), Effect.sleep(gatherFor))
          )
        )

        /** What cannot be had now is asked for again on the next socket. */
        const importHistory = (connection: Connection) =>
          history.drain(deviceId, connection).pipe(
            Effect.retry({ schedule: storagePauses, while: Predicate.isTagged("StorageUnavailable") }),
            Effect.zipRight(Queue.take(historyTold)),
            Effect.forever,
            Effect.catchAllCause((cause) =>
              Cause.isInterruptedOnly(cause) ? Effect.void : Effect.logWarning("The phone's history waits for the next socket", cause))
          )

        /** Two round trips in a row that fail mean a dead link, whatever TCP believes. */
        const watchLink = Effect.fnUntraced(function*(connection: Connection) {
          yield* Effect.raceFirst(drained.await, Effect.delay(recycle("Offline messages did not end."), drainWithin))
          yield* Effect.sleep(probeEvery)
          yield* connection.probe.pipe(
            Effect.retry({ times: 1 }),
            Effect.catchAll(() => recycle("The server does not answer.")),
            Effect.repeat(Schedule.spaced(probeEvery))
          )
        })

        const logIn = Effect.gen(function*() {
          const connection = yield* whatsapp.open({
            deviceId,
            epoch,
            pairing: options.pairing,
            proxyUrl: settings.proxyUrl,
            browserName: settings.browserName,
            sentPayload: (messageId) => messages.payload(deviceId, messageId),
            groupMembers: (groupId) => groups.members(deviceId, groupId)
          })
          const socket = { connection, groups: yield* groupDesks.open(deviceId, connection) }
          yield* Effect.acquireRelease(
            SubscriptionRef.set(options.live, Option.some({ ...socket, epoch })),
            () => SubscriptionRef.set(options.live, Option.none())
          )
          yield* Effect.forkScoped(Effect.intoDeferred(consume(socket), ended))
          yield* Effect.forkScoped(project)
          yield* Effect.forkScoped(groupUpkeep.project(socket.groups))
          yield* Effect.raceFirst(loggedIn.await, Effect.exit(Deferred.await(ended))).pipe(
            Effect.raceFirst(Effect.delay(recycle("WhatsApp did not answer the login."), connectWithin))
          )
        })

        yield* gate.withPermits(1)(logIn)
        return { closed: yield* Deferred.await(ended), stable: yield* Ref.get(stable) }
      }, Effect.scoped)

      return DeviceSession.of({ run })
    })
  )
}

const lost = (text: string): CloseReason => ({
  reason: "connection_lost",
  text,
  code: null,
  action: CloseAction.Backoff({ base: 1000 })
})
