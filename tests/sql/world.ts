import { SqlClient } from "@effect/sql"
import { DateTime, Effect, Layer, Redacted } from "effect"
import { Cipher } from "../../src/domain/Cipher.ts"
import type { ContactFact } from "../../src/domain/Contact.ts"
import { DeviceId } from "../../src/domain/DeviceId.ts"
import { Inbound, type Origin } from "../../src/domain/Inbound.ts"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { UserId } from "../../src/domain/User.ts"
import { ChatReading } from "../../src/sql/messages/ChatReading.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventConsumers } from "../../src/sql/events/EventConsumers.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { OptOuts } from "../../src/sql/contacts/OptOuts.ts"
import { Schedules } from "../../src/sql/schedules/Schedules.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import type { TestDatabase } from "../support/databases.ts"

export const repositoriesLayer = Layer.mergeAll(
  ChatReading.layer, DevicePacing.layer, Devices.layer, Contacts.layer, Groups.layer, Messages.layer, Outbox.layer, Jobs.layer, OptOuts.layer, Schedules.layer, EventConsumers
).pipe(
  Layer.provideMerge(Layer.merge(EventLog.layer, ShardLeases.layer)),
  Layer.provide(Cipher.layer([Redacted.make("a key that is long enough for tests")]))
)

/** All repositories on a fresh database. */
export const world = (database: TestDatabase) => Layer.provideMerge(Layer.fresh(repositoriesLayer), database.layer)

let counter = 0

export const makeUser = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  counter += 1
  const username = `user${counter}`
  yield* sql`INSERT INTO users ${
    sql.insert({
      username,
      usernameLower: username,
      email: `${username}@example.org`,
      passwordHash: "x",
      role: "user",
      createdAt: 0,
      updatedAt: 0
    })
  }`
  const rows = yield* sql<{ id: number }>`SELECT id FROM users WHERE username = ${username}`
  return UserId.make(rows[0]!.id)
})

/** A device of a new user. */
export const makeDevice = Effect.gen(function*() {
  const devices = yield* Devices
  const userId = yield* makeUser
  const device = yield* devices.create({ userId, deviceName: "Shop", deviceId: DeviceId.make(`device-${counter}`) })
  return device.deviceId
})

export const phone = (digits: string) => PhoneNumber.make(digits)
export const lid = (user: string) => Jid.make(`${user}@lid`)
export const time = (millis: number) => DateTime.unsafeMake(millis)
export const ani = phone("6281234567890")
export const budi = phone("6289876543210")

export const direct = (peer: ContactFact, fromMe = false): Origin => ({
  chat: peer.phone === undefined ? peer.lid! : phoneJid(peer.phone),
  peer,
  participant: undefined,
  fromMe
})
export const inGroup = (chat: string, participant: ContactFact | undefined, fromMe = false): Origin => ({
  chat: Jid.make(chat),
  peer: undefined,
  participant,
  fromMe
})

export const text = (origin: Origin, id: string, content: string, at = 1000) =>
  Inbound.Message({
    origin,
    messageId: MessageId.make(id),
    messageType: "text",
    content,
    metadata: null,
    payload: new TextEncoder().encode(content),
    timestamp: time(at),
    offline: false
  })
export const unreadable = (origin: Origin, id: string, at = 1000) =>
  Inbound.Undecryptable({ origin, messageId: MessageId.make(id), timestamp: time(at), reason: "Bad MAC" })
export const receipt = (origin: Origin, ids: ReadonlyArray<string>, status: "sent" | "delivered" | "read", at = 2000) =>
  Inbound.Receipt({ origin, messageIds: ids.map((id) => MessageId.make(id)), status, timestamp: time(at) })

/** The types and data of a device's events, oldest first. */
export const eventsOf = (deviceId: DeviceId) =>
  Effect.flatMap(EventLog, (events) => events.after({ after: 0, deviceId, limit: 1000 }))
export const typesOf = (deviceId: DeviceId) => Effect.map(eventsOf(deviceId), (events) => events.map(({ type }) => type))
