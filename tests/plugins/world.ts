import { ConfigProvider, Context, DateTime, Effect, Layer, TestClock } from "effect"
import { Jid } from "../../src/domain/Jid.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { MessageId } from "../../src/domain/Message.ts"
import type { NewEvent } from "../../src/domain/ServiceEvent.ts"
import type { UserId } from "../../src/domain/User.ts"
import { Plugins } from "../../src/plugins/Plugins.ts"
import { newSecret } from "../../src/plugins/webhooks/Signature.ts"
import { WebhookEgress } from "../../src/plugins/webhooks/WebhookEgress.ts"
import * as WebhooksPlugin from "../../src/plugins/webhooks/WebhooksPlugin.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import { type NewWebhook, Webhooks } from "../../src/sql/webhooks/Webhooks.ts"
import { makeDevice } from "../sql/world.ts"
import { type Receiver, startReceiver } from "../support/receiver.ts"

export class TheReceiver extends Context.Tag("tests/TheReceiver")<TheReceiver, Receiver>() {
  static readonly layer = Layer.scoped(TheReceiver, Effect.acquireRelease(Effect.promise(startReceiver), (one) => Effect.promise(one.close)))
}

/** Before anything sleeps: the clock goes from sleep to sleep, and from 1970 to now there would be many. */
export const today = Layer.effectDiscard(Effect.suspend(() => TestClock.setTime(Date.now())))

/** Holds leases for as long as a slow test takes, which the database's clock measures. */
export const signedIn = (address: string) =>
  Layer.effectDiscard(Effect.flatMap(ShardLeases, (leases) => leases.signIn({ address, about: address, shares: false })))

export const settings = (values: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ CLUSTER_LOCK_EXPIRATION: "1h", ...values }))))

/** The webhooks of one process. */
export const webhooksPlugin = WebhooksPlugin.layer.pipe(
  Layer.provideMerge(Layer.merge(Plugins.layer, WebhookEgress.layer))
)

/** Lets virtual time go on, and the network have its own, until it is so. */
export const until = (what: string, isSo: () => boolean | Effect.Effect<boolean, unknown, never>, step: "100 millis" | "1 second" | "10 seconds" = "100 millis") =>
  Effect.gen(function*() {
    for (let tries = 0; tries < 400; tries += 1) {
      const answer = isSo()
      if (typeof answer === "boolean" ? answer : yield* Effect.orDie(answer)) return
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2)))
      yield* TestClock.adjust(step)
    }
    return yield* Effect.dieMessage(`gave up waiting for ${what}`)
  })

export const ownerOf = (deviceId: DeviceId) => Effect.flatMap(Devices, (devices) => Effect.map(devices.get(deviceId), ({ userId }) => userId))

/** A device with an owner. */
export const owned = Effect.gen(function*() {
  const deviceId = yield* makeDevice
  return { deviceId, userId: yield* ownerOf(deviceId) }
})

export const endpoint = (userId: UserId, url: string, more: Partial<NewWebhook> = {}) =>
  Effect.gen(function*() {
    const webhooks = yield* Webhooks
    const secret = newSecret()
    const webhook = yield* webhooks.create({ userId, url, deviceId: null, description: null, events: ["*"], headers: {}, format: "standard", verifyToken: null, secret, ...more })
    return { webhook, secret }
  })

export const said = (deviceId: DeviceId, chat: string, content: string): NewEvent => ({
  type: "message.received",
  deviceId,
  data: {
    messageId: MessageId.make(`3EB0${content.replaceAll(/\W/g, "")}`),
    chat: { jid: Jid.make(`${chat}@s.whatsapp.net`), lid: null, phone: null },
    from: null,
    to: null,
    participant: null,
    pushName: null,
    people: [],
    direction: "incoming",
    messageType: "text",
    media: null,
    content,
    metadata: null,
    timestamp: DateTime.unsafeMake(0),
    offline: false,
    recovered: false
  }
})

export const emit = (...events: ReadonlyArray<NewEvent>) => Effect.flatMap(EventLog, (log) => log.append(events))
