import type { HttpApiError } from "@effect/platform"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserNotFound } from "../../domain/User.ts"
import { type TooManyWebhooks, type Webhook, WebhookDisabled, type WebhookId, type WebhookNotFound, type WebhookNotVerified, type WebhookUrlRefused } from "../../domain/Webhook.ts"
import type { DeliveryEventGone, DeliveryId, DeliveryNotFound, WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import { testBody, testType } from "../../plugins/webhooks/TestBody.ts"
import { cloudBody, testNews } from "../../plugins/webhooks/cloud/CloudBody.ts"
import { cloudTypes } from "../../plugins/webhooks/cloud/CloudNews.ts"
import { handshake } from "../../plugins/webhooks/cloud/Handshake.ts"
import { newMessageId, newSecret } from "../../plugins/webhooks/Signature.ts"
import { WebhookEgress } from "../../plugins/webhooks/WebhookEgress.ts"
import { concerns, deliveryOf } from "../../plugins/webhooks/WebhooksPlugin.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { makeLastBefore } from "../../sql/events/EventTimes.ts"
import { WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../sql/webhooks/Webhooks.ts"
import { changedFields } from "../auth/Accounts.ts"
import { mayUse } from "../auth/Authorization.ts"
import type { CallerIdentity } from "../contract/Authorization.ts"
import { fieldRefused } from "../contract/FieldRefused.ts"
import type { NewWebhook, Replay, WebhookChanges } from "../contract/WebhooksApi.ts"

type NotTheirs = WebhookNotFound | Forbidden | StorageUnavailable

/** What owners and administrators do to webhooks. */
export class WebhookAdministration extends Context.Tag("whatsapp-service/WebhookAdministration")<WebhookAdministration, {
  /** The webhook, if the caller may see it. */
  readonly of: (id: WebhookId, caller: CallerIdentity) => Effect.Effect<Webhook, NotTheirs>
  /** `secret` is the only copy that is shown. */
  readonly create: (wanted: NewWebhook, caller: CallerIdentity) => Effect.Effect<
    { readonly webhook: Webhook; readonly secret: string },
    TooManyWebhooks | WebhookUrlRefused | WebhookNotVerified | UserNotFound | DeviceNotFound | Forbidden | StorageUnavailable
  >
  readonly update: (id: WebhookId, changes: WebhookChanges, caller: CallerIdentity) => Effect.Effect<
    Webhook,
    HttpApiError.HttpApiDecodeError | WebhookUrlRefused | WebhookNotVerified | NotTheirs
  >
  readonly remove: (id: WebhookId, caller: CallerIdentity) => Effect.Effect<void, NotTheirs>
  readonly rotate: (id: WebhookId, overlap: Duration.Duration, caller: CallerIdentity) => Effect.Effect<
    { readonly webhook: Webhook; readonly secret: string },
    NotTheirs
  >
  readonly test: (id: WebhookId, caller: CallerIdentity) => Effect.Effect<WebhookDelivery, WebhookDisabled | NotTheirs>
  readonly replay: (id: WebhookId, wanted: Replay, caller: CallerIdentity) => Effect.Effect<
    { readonly replayed: number; readonly hasMore: boolean; readonly after: number | null },
    WebhookDisabled | NotTheirs
  >
  readonly replayOne: (id: WebhookId, deliveryId: DeliveryId, caller: CallerIdentity) => Effect.Effect<
    WebhookDelivery,
    WebhookDisabled | DeliveryNotFound | DeliveryEventGone | NotTheirs
  >
}>() {
  static readonly layer = Layer.effect(
    WebhookAdministration,
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const deliveries = yield* WebhookDeliveries
      const devices = yield* Devices
      const egress = yield* WebhookEgress
      const audit = yield* AuditLog
      const log = yield* EventLog
      const lastBefore = yield* makeLastBefore

      const of = Effect.fn("WebhookAdministration.of")(function*(id: WebhookId, caller: CallerIdentity) {
        const webhook = yield* webhooks.get(id)
        return webhook.userId === caller.userId || caller.role === "admin" ? webhook : yield* new Forbidden()
      })
      const enabled = Effect.fnUntraced(function*(id: WebhookId, caller: CallerIdentity) {
        const webhook = yield* of(id, caller)
        return webhook.enabled ? webhook : yield* new WebhookDisabled({ webhookId: id })
      })

      /** Who gets it: the device's owner, or whom an administrator names. */
      const ownerOf = Effect.fnUntraced(function*({ deviceId, userId }: NewWebhook, caller: CallerIdentity) {
        if (deviceId !== undefined && deviceId !== null) {
          const device = yield* devices.get(deviceId)
          yield* mayUse(caller, device)
          return userId === undefined || userId === device.userId ? device.userId : yield* new Forbidden()
        }
        return userId === undefined || userId === caller.userId || caller.role === "admin" ? userId ?? caller.userId : yield* new Forbidden()
      })

      const create = Effect.fn("WebhookAdministration.create")(function*(wanted: NewWebhook, caller: CallerIdentity) {
        const userId = yield* ownerOf(wanted, caller)
        const { format = "standard", headers = {}, url, verifyToken = null } = wanted
        yield* egress.check(url)
        if (verifyToken !== null) yield* handshake(egress, { url, headers, verifyToken })
        const secret = newSecret()
        const created = webhooks.create({
          userId,
          secret,
          deviceId: wanted.deviceId ?? null,
          url,
          format,
          verifyToken,
          headers,
          description: wanted.description ?? null,
          events: [...new Set(wanted.events ?? (format === "cloud-api" ? cloudTypes : ["*"]))]
        })
        const webhook = yield* audit.with(created, ({ deviceId, id, url }) => ({
          actor: caller,
          action: "webhook.create",
          target: target(id),
          details: { ownerId: userId, deviceId, host: new URL(url).host }
        }))
        return { webhook, secret }
      })

      /** What an endpoint of the format `cloud-api` becomes must know the verify token as well. */
      const verifyAgain = Effect.fnUntraced(function*({ format, id, url }: Webhook, changes: WebhookChanges) {
        if (format !== "cloud-api") {
          return changes.verifyToken === undefined ? undefined : yield* fieldRefused("verifyToken", "only the format cloud-api has one")
        }
        if (changes.url === undefined && changes.verifyToken === undefined) return
        const stored = yield* webhooks.target(id).pipe(Effect.catchTag("Undecipherable", () => Effect.succeed({ headers: {}, verifyToken: null })))
        const verifyToken = changes.verifyToken ?? stored.verifyToken
        if (verifyToken === null) return yield* fieldRefused("verifyToken", "the one that is stored can no longer be read: give it again")
        yield* handshake(egress, { url: changes.url ?? url, headers: changes.headers ?? stored.headers, verifyToken })
      })

      const update = Effect.fn("WebhookAdministration.update")(function*(id: WebhookId, changes: WebhookChanges, caller: CallerIdentity) {
        const webhook = yield* of(id, caller)
        if (changes.url !== undefined) yield* egress.check(changes.url)
        yield* verifyAgain(webhook, changes)
        return yield* audit.with(webhooks.update(id, changes), () => ({
          actor: caller,
          action: "webhook.update",
          target: target(id),
          details: {
            fields: changedFields(changes),
            ...(changes.url !== undefined && { host: new URL(changes.url).host }),
            ...(changes.enabled !== undefined && { enabled: changes.enabled })
          }
        }))
      })

      const replayRange = Effect.fnUntraced(function*(webhook: Webhook, wanted: Exclude<Replay, { readonly status: "failed" }>) {
        const after = wanted.after ?? (yield* lastBefore(wanted.since.epochMillis))
        const last = wanted.until === undefined ? yield* log.latest : yield* lastBefore(wanted.until.epochMillis)
        const events = yield* log.after({ after, userId: webhook.userId, deviceId: webhook.deviceId ?? undefined, limit: mostAtOnce })
        const within = events.filter(({ id }) => id <= last)
        const again = within.filter((event) => concerns(webhook, event)).map((event) => deliveryOf(webhook, event))
        yield* deliveries.put(again, { again: true })
        const hasMore = within.length === mostAtOnce && within.at(-1)!.id < last
        return { replayed: again.length, hasMore, after: hasMore ? within.at(-1)!.id : null }
      })

      return WebhookAdministration.of({
        of,
        create,
        update,

        remove: Effect.fn("WebhookAdministration.remove")(function*(id: WebhookId, caller: CallerIdentity) {
          const { url, userId } = yield* of(id, caller)
          yield* audit.with(webhooks.remove(id), () => ({
            actor: caller,
            action: "webhook.delete",
            target: target(id),
            details: { ownerId: userId, host: new URL(url).host }
          }))
        }),

        rotate: Effect.fn("WebhookAdministration.rotate")(function*(id: WebhookId, overlap: Duration.Duration, caller: CallerIdentity) {
          yield* of(id, caller)
          const secret = newSecret()
          const webhook = yield* audit.with(webhooks.rotate(id, secret, Duration.toMillis(overlap)), () => ({
            actor: caller,
            action: "webhook.rotate-secret",
            target: target(id)
          }))
          return { webhook, secret }
        }),

        test: Effect.fn("WebhookAdministration.test")(function*(id: WebhookId, caller: CallerIdentity) {
          const { deviceId, format, userId } = yield* enabled(id, caller)
          const messageId = newMessageId()
          const now = yield* DateTime.now
          const body = format === "cloud-api"
            ? cloudBody(testNews(messageId, now), { deviceId: deviceId ?? "", phoneNumber: null, userId })
            : testBody(id, now)
          return yield* deliveries.putTest({ webhookId: id, messageId, eventId: null, eventType: testType, deviceId, body, lane: `test|${messageId}` })
        }),

        replay: Effect.fn("WebhookAdministration.replay")(function*(id: WebhookId, wanted: Replay, caller: CallerIdentity) {
          const webhook = yield* enabled(id, caller)
          if (!("status" in wanted)) return yield* replayRange(webhook, wanted)
          const replayed = yield* deliveries.replayFailed(id, mostAtOnce)
          return { replayed, hasMore: replayed === mostAtOnce, after: null }
        }),

        replayOne: Effect.fn("WebhookAdministration.replayOne")(function*(id: WebhookId, deliveryId: DeliveryId, caller: CallerIdentity) {
          yield* enabled(id, caller)
          return yield* deliveries.replay(id, deliveryId)
        })
      })
    })
  )
}

const mostAtOnce = 1000
const target = (id: WebhookId) => ({ type: "webhook", id: String(id) }) as const
