import { ConfigProvider, DateTime, Effect, ExecutionStrategy, Exit, Layer, Redacted, Scope } from "effect"
import { SqlClient } from "@effect/sql"
import { Cipher } from "../../src/domain/Cipher.ts"
import type { Device } from "../../src/domain/Device.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import type { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import type { UserId } from "../../src/domain/User.ts"
import { DeviceActor } from "../../src/actors/DeviceActor.ts"
import { DeviceLoop } from "../../src/actors/DeviceLoop.ts"
import { DeviceSession } from "../../src/actors/DeviceSession.ts"
import { GroupDesks } from "../../src/actors/groups/GroupDesk.ts"
import { HistoryImport } from "../../src/actors/receiving/HistoryImport.ts"
import { LoginGate } from "../../src/actors/LoginGate.ts"
import { MediaFetcher } from "../../src/actors/media/MediaFetcher.ts"
import { OutboxPump } from "../../src/actors/outbox/OutboxPump.ts"
import { Projector } from "../../src/actors/receiving/Projector.ts"
import { Signals } from "../../src/actors/Signals.ts"
import { ChatReading } from "../../src/sql/messages/ChatReading.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { sqlite } from "../../src/sql/database/Database.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import * as Migrations from "../../src/sql/migrations/Migrations.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import { CloseAction } from "../../src/whatsapp/socket/CloseReason.ts"
import { SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { mediaLayer } from "./mediaFolder.ts"
import { FakeWhatsApp, paired } from "./FakeWhatsApp.ts"

const database = Layer.effectDiscard(Migrations.run).pipe(Layer.provideMerge(sqlite(":memory:")))
const storage = (outbox: typeof Outbox.layer) =>
  Layer.mergeAll(ChatReading.layer, Contacts.layer, DevicePacing.layer, Devices.layer, Groups.layer, Messages.layer, outbox, Layer.orDie(mediaLayer)).pipe(
    Layer.provideMerge(Layer.merge(EventLog.layer, ShardLeases.layer)),
    Layer.provideMerge(Layer.merge(database, Cipher.layer([Redacted.make("a key of thirty-two characters!!")])))
  )

/** Devices with everything but WhatsApp and the cluster. */
export const actorsWith = (outbox: typeof Outbox.layer, settings: Readonly<Record<string, string>> = { PACING: "off" }) =>
  DeviceActor.layer.pipe(
    Layer.provideMerge(DeviceLoop.layer),
    Layer.provideMerge(DeviceSession.layer),
    Layer.provideMerge(Layer.mergeAll(OutboxPump.layer, MediaFetcher.layer, Projector.layer, GroupDesks.layer, HistoryImport.layer, LoginGate.layer)),
    Layer.provideMerge(Layer.mergeAll(Signals.layer, FakeWhatsApp.layer, storage(outbox))),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings)))))
  )
export const actorsLayer = actorsWith(Outbox.layer)

/** While it runs, nothing can be written. */
export const outage = <A, E, R>(during: Effect.Effect<A, E, R>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.acquireUseRelease(
      Effect.orDie(sql`PRAGMA query_only = ON`),
      () => during,
      () => Effect.orDie(sql`PRAGMA query_only = OFF`)
    ))

export const phone = (number: string) => number as PhoneNumber
const owner = 1 as UserId

/** A device of user 1, with its actor in the test's scope. */
export const makeDevice = Effect.fnUntraced(function*(name = "device-1") {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO users ${
    sql.insert({ id: owner, username: "siti", usernameLower: "siti", email: "siti@x.y", passwordHash: "-", role: "admin", createdAt: 0, updatedAt: 0 })
  } ON CONFLICT DO NOTHING`
  const devices = yield* Devices
  const { deviceId } = yield* devices.create({ userId: owner, deviceName: name, deviceId: name as DeviceId })
  const { make } = yield* DeviceActor
  const scope = yield* Effect.scope
  const firstLife = yield* Scope.fork(scope, ExecutionStrategy.sequential)
  const actor = yield* Scope.extend(make(deviceId), firstLife)
  /** The process ends in order, and another one begins. */
  const restart = Effect.zipRight(Scope.close(firstLife, Exit.void), Scope.extend(make(deviceId), scope))
  const fake = yield* FakeWhatsApp
  const device = devices.get(deviceId)
  /** Fibers woken by a socket's event have run when this returns. */
  const settle = Effect.repeatN(Effect.yieldNow(), 100)
  /** The same for what waits for other threads, such as the compression of a PNG. */
  const eventually = (matches: (device: Device) => boolean) =>
    Effect.zipRight(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), device).pipe(
      Effect.repeat({ until: matches, times: 5000 })
    )
  const connect = Effect.gen(function*() {
    yield* devices.setWanted(deviceId, "online")
    yield* actor.connect
    return yield* fake.next
  })
  /** Paired and logged in, on its second socket. */
  const online = Effect.gen(function*() {
    const first = yield* connect
    yield* first.emit(SocketEvent.Paired({ ...paired("6281200000001"), platform: "android" }))
    yield* first.close({ action: CloseAction.Restart() })
    const socket = yield* fake.next
    yield* socket.emit(SocketEvent.Open(paired("6281200000001")))
    yield* socket.emit(SocketEvent.Drained())
    yield* settle
    return socket
  })
  return { deviceId, actor, device, connect, online, settle, eventually, restart }
})

export const stateOf = (device: Device) => ({ status: device.status, reason: device.reason })
export const inMinutes = (minutes: number) => Effect.map(DateTime.now, DateTime.add({ minutes }))
