import { HttpServer } from "@effect/platform"
import { type Cause, ConfigProvider, Context, DateTime, Effect, Layer, Option, Redacted, Ref } from "effect"
import { ContactQueries } from "../../src/actors/contacts/ContactQueries.ts"
import { DeviceActors, PairingFailed } from "../../src/actors/DeviceActors.ts"
import { MediaRequests } from "../../src/actors/media/MediaRequests.ts"
import { Sending } from "../../src/actors/outbox/Sending.ts"
import { Signals } from "../../src/actors/Signals.ts"
import { Forbidden } from "../../src/domain/Access.ts"
import { Cipher } from "../../src/domain/Cipher.ts"
import { DeviceAlreadyPaired, type DeviceBusy, DeviceNotConnected } from "../../src/domain/Device.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { phoneJid, userOf } from "../../src/domain/Jid.ts"
import { IdempotencyConflict, Message, type MessageId, MessageNotFound } from "../../src/domain/Message.ts"
import { MessageNotChangeable } from "../../src/domain/MessageChange.ts"
import type { SendRequest } from "../../src/domain/OutgoingContent.ts"
import type { StorageUnavailable } from "../../src/domain/Storage.ts"
import type { Role, User } from "../../src/domain/User.ts"
import { AuthSecrets } from "../../src/http/auth/AuthSecrets.ts"
import { Tokens } from "../../src/http/auth/Tokens.ts"
import * as HttpApp from "../../src/http/HttpApp.ts"
import * as HttpListener from "../../src/http/HttpListener.ts"
import { Shutdown } from "../../src/http/Shutdown.ts"
import { Plugins } from "../../src/plugins/Plugins.ts"
import { WebhookEgress } from "../../src/plugins/webhooks/WebhookEgress.ts"
import { RemoteFile } from "../../src/media/RemoteFile.ts"
import { AccountRepositories } from "../../src/sql/accounts/AccountRepositories.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { DailyChats } from "../../src/sql/messages/DailyChats.ts"
import { sqlite } from "../../src/sql/database/Database.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventConsumers } from "../../src/sql/events/EventConsumers.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { HealthOfDevices } from "../../src/sql/devices/HealthOfDevices.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { MessageSearch } from "../../src/sql/messages/MessageSearch.ts"
import { OptOuts } from "../../src/sql/contacts/OptOuts.ts"
import { Schedules } from "../../src/sql/schedules/Schedules.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import { Statistics } from "../../src/sql/statistics/Statistics.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { Waiting } from "../../src/sql/outbox/Waiting.ts"
import * as Migrations from "../../src/sql/migrations/Migrations.ts"
import { fakeGroups } from "./fakeGroups.ts"
import { mediaLayer } from "./mediaFolder.ts"

/** What the fakes behind the API do and have been asked. */
export class Stage extends Context.Tag("tests/Stage")<Stage, {
  readonly history: Ref.Ref<ReadonlyArray<Message>>
  readonly sent: Ref.Ref<ReadonlyArray<{ readonly to: string; readonly until: string; readonly millis: number }>>
  readonly requests: Ref.Ref<ReadonlyArray<SendRequest>>
  /** takes the next call of an actor or of sending in place of what it would do */
  readonly trouble: Ref.Ref<Option.Option<Cause.Cause<StorageUnavailable | DeviceBusy>>>
}>() {
  static readonly layer = Layer.effect(
    Stage,
    Effect.all({
      history: Ref.make<ReadonlyArray<Message>>([]),
      sent: Ref.make<ReadonlyArray<{ readonly to: string; readonly until: string; readonly millis: number }>>([]),
      requests: Ref.make<ReadonlyArray<SendRequest>>([]),
      trouble: Ref.make(Option.none<Cause.Cause<StorageUnavailable | DeviceBusy>>())
    })
  )
}

const state = (status: "disconnected" | "connecting", reason: "stopped" | "not_paired") => ({
  status, reason, reasonText: null, retryAt: null, restriction: null
})

const fakeActors = Layer.effect(
  DeviceActors,
  Effect.gen(function*() {
    const devices = yield* Devices
    const { trouble } = yield* Stage
    const troubled = Effect.flatMap(Ref.getAndSet(trouble, Option.none()), Option.match({
      onNone: () => Effect.void,
      onSome: (cause) => Effect.failCause(cause)
    }))
    const owned = (deviceId: DeviceId) => Effect.map(devices.claim(deviceId), ({ epoch }) => epoch)
    const changed = <E>(effect: Effect.Effect<void, E>, deviceId: DeviceId) =>
      Effect.zipRight(effect, devices.get(deviceId)).pipe(
        Effect.catchIf((error): error is Extract<E, { _tag: "OwnerChanged" }> => (error as { _tag?: string })._tag === "OwnerChanged", Effect.die)
      )
    return DeviceActors.of({
      connect: (deviceId) =>
        Effect.gen(function*() {
          yield* troubled
          const epoch = yield* owned(deviceId)
          yield* devices.setWanted(deviceId, "online")
          const expiresAt = DateTime.add(yield* DateTime.now, { seconds: 60 })
          return yield* changed(
            Effect.zipRight(
              devices.setState(deviceId, epoch, { ...state("connecting", "not_paired"), status: "qr_required", reason: "pairing" }),
              devices.showQr(deviceId, epoch, { qr: "2@text-of-the-code", qrCode: "data:image/png;base64,AA", expiresAt })
            ),
            deviceId
          )
        }),
      disconnect: (deviceId) =>
        Effect.flatMap(owned(deviceId), (epoch) => changed(devices.setState(deviceId, epoch, state("disconnected", "stopped")), deviceId)),
      wipe: (deviceId) => Effect.flatMap(owned(deviceId), (epoch) => changed(devices.wipe(deviceId, epoch), deviceId)),
      remove: (deviceId) =>
        Effect.flatMap(owned(deviceId), (epoch) => devices.remove(deviceId, epoch)).pipe(Effect.catchTag("OwnerChanged", Effect.die)),
      pairingCode: (deviceId, phone) =>
        Effect.gen(function*() {
          if (phone.endsWith("99")) return yield* new DeviceAlreadyPaired({ deviceId })
          if (phone.endsWith("98")) return yield* new PairingFailed({ deviceId, reason: "rate-overlimit" })
          return { pairingCode: "ABCD1234", expiresAt: DateTime.add(yield* DateTime.now, { seconds: 180 }) }
        }),
      showState: (deviceId) => new DeviceNotConnected({ deviceId }),
      markRead: () => Effect.succeed(3)
    })
  })
)

/** Numbers that end in 404 are not on WhatsApp, those that end in 00 stay pending, with 500 the connection is lost meanwhile; the others are sent. Messages are too old, `missing…`, or `theirs…` in a group. */
const fakeSending = Layer.effect(
  Sending,
  Effect.gen(function*() {
    const devices = yield* Devices
    const { requests, sent, trouble } = yield* Stage
    const accepted = new Map<string, { readonly message: Message; readonly hash: string | undefined }>()
    let count = 0
    const loseConnection = Effect.fnUntraced(function*(deviceId: DeviceId) {
      const { epoch } = yield* devices.claim(deviceId)
      const retryAt = DateTime.add(yield* DateTime.now, { seconds: 8 })
      yield* devices.setState(deviceId, epoch, { status: "connecting", reason: "connection_lost", reasonText: null, retryAt, restriction: null })
    })
    return Sending.of({
      send: ({ deviceId, idempotencyKey, request, requestHash, wait }) =>
        Effect.gen(function*() {
          yield* Effect.flatMap(Ref.getAndSet(trouble, Option.none()), Option.match({
            onNone: () => Effect.void,
            onSome: (cause) => Effect.failCause(cause as Cause.Cause<StorageUnavailable>)
          }))
          yield* devices.get(deviceId)
          yield* Ref.update(requests, (all) => [...all, request])
          if (request._tag !== "New") {
            const messageId = request._tag === "Forward" ? request.source : request.target
            if (request._tag === "Delete" && messageId.startsWith("theirs") && !request.ofOthers) return yield* new Forbidden()
            return yield* messageId.startsWith("missing")
              ? new MessageNotFound({ messageId })
              : new MessageNotChangeable({ messageId, reason: "too_old" })
          }
          const to = userOf(request.to)
          const text = request.content._tag === "Text" ? request.content.text : request.content._tag
          const known = idempotencyKey === undefined ? undefined : accepted.get(idempotencyKey)
          if (known !== undefined) {
            if (known.hash !== requestHash) return yield* new IdempotencyConflict({ idempotencyKey: idempotencyKey! })
            return { message: known.message, replayed: true }
          }
          yield* Ref.update(sent, (all) => [...all, { to, until: wait.until, millis: Number(wait.timeout.value._tag === "Millis" ? wait.timeout.value.millis : -1) }])
          if (to.endsWith("500")) yield* Effect.orDie(loseConnection(deviceId))
          const status = wait.until === "accepted" || to.endsWith("00") ? "pending" : to.endsWith("404") ? "failed" : "sent"
          count += 1
          const message = messageOf({ id: count, deviceId, to, text, status, at: yield* DateTime.now })
          if (idempotencyKey !== undefined) accepted.set(idempotencyKey, { message, hash: requestHash })
          return { message, replayed: false }
        })
    })
  })
)

export const messageOf = ({ at, deviceId, id, status, text, to }: {
  readonly id: number
  readonly deviceId: DeviceId
  readonly to: string
  readonly text: string
  readonly status: "pending" | "sent" | "failed"
  readonly at: DateTime.Utc
}) =>
  new Message({
    id,
    deviceId,
    messageId: `3EB0${String(id).padStart(18, "0")}` as MessageId,
    chat: { jid: phoneJid(to), lid: null, phone: null },
    fromNumber: null,
    toNumber: to,
    participant: null,
    messageType: "text",
    content: text,
    direction: "outgoing",
    status,
    failure: status === "failed" ? { code: "NOT_ON_WHATSAPP", text: `${to} is not on WhatsApp`, whatsapp: null } : null,
    timestamp: at,
    sentAt: status === "sent" ? at : null,
    deliveredAt: null,
    readAt: null,
    metadata: null,
    createdAt: at,
    updatedAt: at
  })

const fakeMessages = Layer.effect(
  Messages,
  Effect.map(Stage, ({ history }) =>
    Messages.of({
      record: () => Effect.dieMessage("not asked here"),
      recordHistory: () => Effect.dieMessage("not asked here"),
      get: (_, messageId) => new MessageNotFound({ messageId }),
      payload: () => Effect.succeedNone,
      history: (deviceId, { after, before, chat, direction, limit }) =>
        Effect.map(Ref.get(history), (all) => {
          const found = all.filter((message) =>
            message.deviceId === deviceId && message.chat.jid === chat &&
            (direction === undefined || message.direction === direction) &&
            (before === undefined || message.id < before) && (after === undefined || message.id > after)
          )
          const ordered = after === undefined ? found.toSorted((a, b) => b.id - a.id) : found.toSorted((a, b) => a.id - b.id)
          return ordered.slice(0, limit)
        })
    }))
)

/** Numbers that end in 404 are not on WhatsApp. */
const fakeQueries = Layer.succeed(ContactQueries, {
  check: ({ deviceId, isConnected }, phones) =>
    isConnected
      ? Effect.succeed(phones.map((phone) => {
        const registered = !phone.endsWith("404")
        return { phone, registered, jid: registered ? phoneJid(phone) : null, lid: null }
      }))
      : new DeviceNotConnected({ deviceId }),
  profilePicture: ({ deviceId, isConnected }, jid, size) =>
    isConnected ? Effect.succeed(`https://pps.whatsapp.net/${size}/${jid}`) : new DeviceNotConnected({ deviceId }),
  about: ({ deviceId, isConnected }) =>
    isConnected ? Effect.succeed({ about: "Hey there!", setAt: null }) : new DeviceNotConnected({ deviceId })
})

const database = Layer.effectDiscard(Migrations.run).pipe(Layer.provideMerge(sqlite(":memory:")))
const secrets = Layer.succeed(AuthSecrets, {
  accessSecret: Redacted.make("access-secret-of-more-than-32-bytes!"),
  refreshSecret: Redacted.make("refresh-secret-of-more-than-32-bytes")
})
const files = RemoteFile.layer.pipe(Layer.provideMerge(mediaLayer), Layer.orDie)
const repositories = Layer.mergeAll(
  DevicePacing.layer, Devices.layer, Contacts.layer, Groups.layer, DailyChats.layer, MessageSearch.layer, HealthOfDevices.layer, Statistics.layer, Layer.provide(Waiting.layer, DevicePacing.layer), Jobs.layer, OptOuts.layer, Schedules.layer, AccountRepositories,
  EventConsumers,
  files, MediaRequests.layer.pipe(Layer.provide(Signals.layer), Layer.provide(files))
).pipe(
  Layer.provideMerge(Layer.merge(EventLog.layer, ShardLeases.layer)),
  Layer.provideMerge(Layer.merge(database, Cipher.layer([Redacted.make("a key of thirty-two characters!!")])))
)

/** The HTTP side on a port of its own, on SQLite in memory, with what stands behind the actors played by {@link Stage}. */
export const httpLayer = (settings: Readonly<Record<string, string>> = {}) =>
  HttpApp.layer.pipe(
    Layer.provideMerge(HttpListener.layer),
    Layer.provideMerge(Layer.merge(Plugins.layer, WebhookEgress.layer)),
    Layer.provideMerge(Layer.mergeAll(fakeActors, fakeSending, fakeMessages, fakeQueries, fakeGroups, Tokens.layer)),
    Layer.provideMerge(Layer.mergeAll(Stage.layer, Shutdown.layer, secrets, repositories)),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(
      new Map(Object.entries({ PORT: "0", HOST: "127.0.0.1", RATE_LIMIT: "off", PACING: "off", ...settings }))
    )))
  )

export const baseUrl = HttpServer.addressWith((address) =>
  Effect.succeed(address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : "")
)

export interface Asked {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A request by the platform's own client, so that the wire is what clients see. */
export const ask = Effect.fnUntraced(function*(method: string, path: string, { body, headers, token }: Asked = {}) {
  const base = yield* baseUrl
  const response = yield* Effect.promise((signal) =>
    fetch(`${base}${path}`, {
      method,
      signal,
      headers: {
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  )
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
})

// tests look into answers of many shapes; a wrong path shows as a failed expectation
// oxlint-disable-next-line typescript/no-explicit-any
const parsed = (text: string): any => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

let made = 0
/** A user with a token; nobody can log in with his password. */
export const makeUser = Effect.fnUntraced(function*(role: Role, name = `user${++made}`) {
  const users = yield* Users
  const user = yield* users.create({ username: name, email: `${name}@example.com`, passwordHash: "-", fullName: null, role })
  return { user, token: yield* tokenOf(user) }
})

export const tokenOf = (user: User) =>
  Effect.flatMap(Tokens, (tokens) => Effect.map(tokens.signAccess(user.id, `family-${user.id}`), ({ token }) => token))

export const makeDevice = Effect.fnUntraced(function*(owner: User, deviceId?: string) {
  const devices = yield* Devices
  return yield* devices.create({ userId: owner.id, deviceName: "Device Utama", deviceId: deviceId as DeviceId | undefined })
})

export const api = "/api/whatsapp-multi-device"
