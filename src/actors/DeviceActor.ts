import { Cause, Context, DateTime, Effect, FiberHandle, Layer, Option, Predicate, Ref, Schedule, type Scope, Stream, SubscriptionRef } from "effect"
import type { ChatState } from "../domain/ChatState.ts"
import { type Device, DeviceAlreadyPaired, DeviceNotConnected, type DeviceNotFound, type DeviceReason, type WhatsAppUnanswered } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Jid } from "../domain/Jid.ts"
import type { PhoneNumber } from "../domain/PhoneNumber.ts"
import type { OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { Devices } from "../sql/devices/Devices.ts"
import type { ShardLease } from "../sql/devices/ShardLeases.ts"
import type { Connection } from "../whatsapp/WhatsApp.ts"
import { PairingFailed } from "./DeviceActors.ts"
import { makeChatSignals } from "./ChatSignals.ts"
import { DeviceLoop } from "./DeviceLoop.ts"
import type { LiveConnection } from "./DeviceSession.ts"
import type { GroupDesk } from "./groups/GroupDesk.ts"
import { Projector } from "./receiving/Projector.ts"
import { Signals } from "./Signals.ts"
import { jitteredPauses } from "./UntilStored.ts"

/** Only a person lifts these, by connecting the device anew; a restart of the service does not. */
const held: ReadonlySet<DeviceReason | null> = new Set<DeviceReason>(["replaced", "client_refused", "account_locked"])

/** WhatsApp does not say how long a code is good for; phones refuse it after about three minutes. */
const pairingCodeLifetime = { minutes: 3 } as const
const connectionWithin = "15 seconds"
const afterDefect = Schedule.exponential("1 second").pipe(
  Schedule.union(Schedule.spaced("1 minute")),
  // a failure long after another one is a first one
  Schedule.resetAfter("10 minutes"),
  jitteredPauses
)

type CommandError = DeviceNotFound | OwnerChanged | StorageUnavailable

export interface DeviceCommands {
  /** A person wants it online: what held it is forgotten, a wait is cut short, a pairing may begin. */
  readonly connect: Effect.Effect<void, CommandError>
  readonly disconnect: Effect.Effect<void, CommandError>
  readonly wipe: Effect.Effect<void, CommandError>
  readonly remove: Effect.Effect<void, CommandError>
  /** Makes what runs match what is wanted. */
  readonly reconcile: Effect.Effect<void, CommandError>
  readonly wakeOutbox: Effect.Effect<void>
  /** To ask WhatsApp something with. */
  readonly connection: Effect.Effect<Connection, DeviceNotConnected>
  readonly groups: Effect.Effect<GroupDesk, DeviceNotConnected>
  readonly pairingCode: (phone: PhoneNumber) => Effect.Effect<
    { readonly pairingCode: string; readonly expiresAt: DateTime.Utc },
    CommandError | DeviceAlreadyPaired | PairingFailed
  >
  readonly showState: (chat: Jid, state: ChatState) => Effect.Effect<void, DeviceNotConnected | WhatsAppUnanswered>
  readonly markRead: (chat: Jid) => Effect.Effect<number, DeviceNotConnected | StorageUnavailable | WhatsAppUnanswered>
}

/** A device's commands, one at a time, and beside them its loop. Both end with the scope. */
export class DeviceActor extends Context.Tag("whatsapp-service/DeviceActor")<DeviceActor, {
  /** Without a lease, as in tests, nobody else is asked. */
  readonly make: (deviceId: DeviceId, lease?: ShardLease) => Effect.Effect<DeviceCommands, never, Scope.Scope>
}>() {
  static readonly layer = Layer.effect(
    DeviceActor,
    Effect.gen(function*() {
      const devices = yield* Devices
      const deviceLoop = yield* DeviceLoop
      const signals = yield* Signals
      const projector = yield* Projector
      const chatSignals = yield* makeChatSignals

      const make = Effect.fnUntraced(function*(deviceId: DeviceId, lease?: ShardLease) {
        const claim = lease === undefined ? devices.claim(deviceId) : devices.claimUnder(lease, deviceId)
        const loop = yield* FiberHandle.make()
        const live = yield* SubscriptionRef.make(Option.none<LiveConnection>())
        const oneAtATime = yield* Effect.makeSemaphore(1)

        const isRunning = Effect.isSuccess(FiberHandle.get(loop))
        // the loop has ended by itself: in this process only a person starts it again
        const gaveUp = yield* Ref.make(false)
        const stop = FiberHandle.clear(loop)
        /** Returns when the state says `connecting`, or the loop has failed. The old socket is gone before a new one opens. */
        const start = Effect.fnUntraced(function*(byPerson: boolean) {
          const underWay = yield* Effect.makeLatch(false)
          const run = deviceLoop.run({ deviceId, claim, byPerson, live, onConnecting: underWay.open }).pipe(
            Effect.zipRight(Ref.set(gaveUp, true)),
            Effect.catchTags({
              OwnerChanged: () => Effect.logInfo("Another process owns this device now"),
              DeviceNotFound: () => Effect.logInfo("The device has been removed")
            }),
            Effect.ensuring(underWay.open),
            Effect.sandbox,
            Effect.tapError((cause) =>
              // nothing is wrong with the device then, and it has lost nothing
              Option.exists(Cause.failureOption(cause), Predicate.isTagged("StorageUnavailable"))
                ? Effect.logWarning("The device waits for the database", cause)
                : Effect.logError("The device's loop failed and starts anew", cause)
            ),
            Effect.retry({ schedule: afterDefect, while: (cause) => !Cause.isInterruptedOnly(cause) }),
            Effect.interruptible,
            Effect.annotateLogs({ deviceId })
          )
          yield* stop
          yield* Ref.set(gaveUp, false)
          yield* FiberHandle.run(loop, run)
          yield* underWay.await
        })

        /** WhatsApp is told if it can be; what it does not hear stays in the phone's list of linked devices. */
        const unlink = Effect.gen(function*() {
          const current = yield* SubscriptionRef.get(live)
          if (Option.isNone(current) || !(yield* devices.get(deviceId)).isPaired) return
          yield* current.value.connection.logout.pipe(Effect.timeout("5 seconds"), Effect.ignoreLogged)
        })

        /** The epoch to forget the device's credentials and journal with. */
        const end = Effect.gen(function*() {
          yield* Effect.zipRight(unlink, stop)
          yield* projector.finish(deviceId)
          return (yield* claim).epoch
        })
        const remove = Effect.flatMap(end, (epoch) => devices.remove(deviceId, epoch))

        const disconnect = Effect.gen(function*() {
          yield* stop
          const { device, epoch } = yield* claim
          yield* devices.setState(deviceId, epoch, {
            status: "disconnected",
            reason: device.isPaired ? "stopped" : "not_paired",
            reasonText: null,
            retryAt: null,
            restriction: device.restriction
          })
        })

        /** Starts what does not run, and what waits; a loop that is at it is left alone. */
        const startNow = Effect.fnUntraced(function*(device: Device) {
          const waits = device.retryAt !== null || device.status === "disconnected"
          if (waits || !(yield* isRunning)) yield* start(true)
        })

        const open = Effect.flatMap(SubscriptionRef.get(live), Option.match({
          onNone: () => new DeviceNotConnected({ deviceId }),
          onSome: (socket) => Effect.succeed(socket)
        }))
        const connection = Effect.map(open, (socket) => socket.connection)

        const connected = live.changes.pipe(
          Stream.filterMap((current) => current),
          Stream.runHead,
          Effect.flatten,
          Effect.timeout(connectionWithin),
          Effect.mapError(() => new PairingFailed({ deviceId, reason: "there is no connection to WhatsApp" }))
        )

        const commands = {
          connect: Effect.gen(function*() {
            const device = yield* devices.get(deviceId)
            // somebody may have asked for the opposite since
            if (device.wanted === "online") yield* startNow(device)
          }),
          disconnect,
          wipe: Effect.flatMap(end, (epoch) => devices.wipe(deviceId, epoch)),
          remove,
          reconcile: Effect.gen(function*() {
            const device = yield* devices.get(deviceId)
            if (device.wanted === "deleted") return yield* remove
            if (device.wanted === "offline") return yield* device.status === "disconnected" ? stop : disconnect
            if ((yield* isRunning) || (yield* Ref.get(gaveUp)) || held.has(device.reason)) return
            const off = device.status === "disconnected"
            // an earlier process was told when to come back
            if (off && device.retryAt !== null && DateTime.lessThan(yield* DateTime.now, device.retryAt)) return
            // a pairing in which an earlier process ended: it may be complete, and if not the loop says so
            if (device.isPaired || !off) yield* start(false)
          }),
          wakeOutbox: Effect.asVoid(signals.outboxChanged(deviceId)),
          connection,
          groups: Effect.map(open, ({ groups }) => groups),
          pairingCode: Effect.fnUntraced(function*(phone: PhoneNumber) {
            const device = yield* devices.get(deviceId)
            if (device.isPaired) return yield* new DeviceAlreadyPaired({ deviceId })
            yield* startNow(device)
            const { connection, epoch } = yield* connected
            const pairingCode = yield* connection.requestPairingCode(phone).pipe(
              Effect.tapError((error) => Effect.logWarning("No pairing code", error)),
              Effect.mapError(() => new PairingFailed({ deviceId, reason: "it did not answer the request" }))
            )
            const expiresAt = DateTime.add(yield* DateTime.now, pairingCodeLifetime)
            yield* devices.showPairingCode(deviceId, epoch, { pairingCode, phone, expiresAt })
            return { pairingCode, expiresAt }
          })
        }
        const { markRead, showState } = chatSignals.on(deviceId, connection)
        const alone = <A, E>(command: Effect.Effect<A, E>) => oneAtATime.withPermits(1)(command)
        return {
          connect: alone(commands.connect),
          disconnect: alone(commands.disconnect),
          wipe: alone(commands.wipe),
          remove: alone(commands.remove),
          reconcile: alone(commands.reconcile),
          wakeOutbox: commands.wakeOutbox,
          connection: commands.connection,
          groups: commands.groups,
          // they need the connection that is there, and nothing of it changes
          showState,
          markRead,
          pairingCode: (phone: PhoneNumber) => alone(commands.pairingCode(phone))
        } satisfies DeviceCommands
      })

      return DeviceActor.of({ make })
    })
  )
}
