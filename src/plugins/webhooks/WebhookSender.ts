import { Clock, Context, DateTime, Duration, Effect, Either, Layer, Option, Random } from "effect"
import { makeGathering } from "../../sql/database/Gathering.ts"
import type { Undecipherable } from "../../domain/Cipher.ts"
import { duration } from "../../domain/Settings.ts"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { WebhookFormat, WebhookId, WebhookNotFound } from "../../domain/Webhook.ts"
import type { DeliveryAttempt, DeliveryError } from "../../domain/WebhookDelivery.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { type Attempted, type Judgement, WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import type { DeliveryRow } from "../../sql/webhooks/WebhookDeliveryRow.ts"
import { Webhooks, type WebhookTarget } from "../../sql/webhooks/Webhooks.ts"
import { bodyOf } from "../EventBody.ts"
import { cloudBody } from "./cloud/CloudBody.ts"
import { cloudNews } from "./cloud/CloudNews.ts"
import { requestHeaders } from "./RequestHeaders.ts"
import { breakerOpensAt, judge, readRetryAfter } from "./RetryPolicy.ts"
import { hubSignatureHeaders, signatureHeaders } from "./Signature.ts"
import { WebhookEgress } from "./WebhookEgress.ts"
import { attemptCount, beginAtZero, disabledCount } from "./WebhookMetrics.ts"

/** A delivery, with what was known of its endpoint and its event a moment ago. */
export interface ReadyDelivery {
  readonly delivery: DeliveryRow
  readonly target: Either.Either<WebhookTarget, Undecipherable | WebhookNotFound>
  /** undefined: a test, or the event is not kept any more */
  readonly event: ServiceEvent | undefined
}

/** What came of an attempt. */
export interface Attempt {
  /**
   * `waits`: the endpoint takes nothing for now. `alone`: it has failed before, and is tried with one delivery at a time.
   * `failed`: what is known of the endpoint is out of date.
   */
  readonly outcome: "done" | "failed" | "alone" | "waits"
  /** Writes it down; until then the delivery is due as before. */
  readonly settle: Effect.Effect<void, StorageUnavailable>
}

/** One attempt at one delivery, from the rows to what becomes of it. */
export class WebhookSender extends Context.Tag("whatsapp-service/WebhookSender")<WebhookSender, {
  /** Reads all that it takes to send these to their endpoint. */
  readonly prepare: (webhookId: WebhookId, deliveries: ReadonlyArray<DeliveryRow>) => Effect.Effect<ReadonlyArray<ReadyDelivery>, StorageUnavailable>
  readonly attempt: (ready: ReadyDelivery, isFirst: boolean) => Effect.Effect<Attempt, StorageUnavailable>
}>() {
  static readonly layer = Layer.scoped(
    WebhookSender,
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const deliveries = yield* WebhookDeliveries
      const log = yield* EventLog
      const devices = yield* Devices
      const egress = yield* WebhookEgress
      const disableAfter = Duration.toMillis(yield* duration("WEBHOOK_DISABLE_AFTER", "5 days"))
      yield* beginAtZero
      const written = yield* makeGathering((attempted: ReadonlyArray<Attempted>) => deliveries.settle(attempted))

      const cloudBodyOf = Effect.fnUntraced(function*(event: ServiceEvent) {
        const news = cloudNews(event)
        if (news === undefined) return Option.none<string>()
        const phoneNumber = yield* devices.get(event.deviceId).pipe(
          Effect.map((device) => device.phoneNumber),
          Effect.catchTag("DeviceNotFound", () => Effect.succeed(null))
        )
        return Option.some(cloudBody(news, { ...event, phoneNumber }))
      })

      const bodyFor = Effect.fnUntraced(function*({ delivery, event }: ReadyDelivery, format: WebhookFormat) {
        if (delivery.eventId === null) return Option.fromNullable(delivery.body)
        if (event === undefined) return Option.none()
        return format === "cloud-api" ? yield* cloudBodyOf(event) : Option.some(bodyOf(event))
      })

      const post = Effect.fnUntraced(function*({ messageId }: DeliveryRow, { headers, secrets, webhook }: WebhookTarget, body: string) {
        const started = yield* Clock.currentTimeMillis
        const seconds = Math.floor(started / 1000)
        return yield* egress.send({
          url: webhook.url,
          method: "POST",
          headers: requestHeaders(headers, {
            "content-type": "application/json",
            ...(webhook.format === "cloud-api"
              ? hubSignatureHeaders({ messageId, body, secret: secrets[0]! })
              : signatureHeaders({ messageId, seconds, body, secrets }))
          }),
          body,
          answerLimit: readOfAnswer
        }).pipe(Effect.match({
          onSuccess: (answer) => ({
            status: answer.status,
            error: errorOf(answer.status),
            response: answer.body.subarray(0, keptOfAnswer).toString("utf8"),
            retryAfter: readRetryAfter([answer.headers["retry-after"]].flat()[0], started)
          }),
          onFailure: ({ reason }) => ({ ...nothingSent, error: reason })
        }))
      })

      const settle = Effect.fnUntraced(function*(delivery: DeliveryRow, at: DateTime.Utc, result: Result, millis = 0) {
        const { error, response, retryAfter, status } = result
        const attempt: DeliveryAttempt = { at, status, error, millis, response }
        const chance = yield* Random.next
        yield* attemptCount(error, millis)
        const judgement = yield* written({ delivery, attempt, judge: judge({ attempt, delivery, retryAfter, disableAfter, chance }) })
        if (judgement !== undefined) yield* tell(delivery, attempt, judgement)
      })

      const prepare = Effect.fn("WebhookSender.prepare")(function*(webhookId: WebhookId, rows: ReadonlyArray<DeliveryRow>) {
        const target = yield* webhooks.target(webhookId).pipe(
          Effect.map(Either.right),
          Effect.catchTags({
            Undecipherable: (error) => Effect.succeed(Either.left(error)),
            WebhookNotFound: (error) => Effect.succeed(Either.left(error))
          })
        )
        const events = yield* log.byId(rows.flatMap(({ eventId }) => eventId ?? []))
        return rows.map((delivery) => ({ delivery, target, event: delivery.eventId === null ? undefined : events.get(delivery.eventId) }))
      })

      const attempt = Effect.fn("WebhookSender.attempt")(function*(ready: ReadyDelivery, isFirst: boolean) {
        const { delivery, target } = ready
        const at = yield* DateTime.now
        if (Either.isLeft(target)) {
          // without its endpoint it goes with the next pruning
          return target.left._tag === "WebhookNotFound"
            ? waits
            : { outcome: "waits" as const, settle: settle(delivery, at, { ...nothingSent, error: "secret_unreadable" }) }
        }
        const { isOwnerActive, webhook } = target.right
        const isHalfOpen = webhook.failures >= breakerOpensAt
        const isShut = !webhook.enabled || !isOwnerActive || DateTime.lessThan(at, webhook.pausedUntil ?? at)
        if (isShut || (isHalfOpen && !isFirst)) return waits
        const body = yield* bodyFor(ready, webhook.format)
        const result = Option.isNone(body) ? { ...nothingSent, error: "event_gone" as const } : yield* post(delivery, target.right, body.value)
        const took = (yield* Clock.currentTimeMillis) - at.epochMillis
        return {
          outcome: isHalfOpen ? "alone" as const : result.error === null ? "done" as const : "failed" as const,
          settle: settle(delivery, at, result, took)
        }
      })

      return WebhookSender.of({ attempt, prepare })
    })
  )
}

interface Result {
  readonly status: number | null
  readonly error: DeliveryError | null
  readonly response: string | null
  readonly retryAfter: number | undefined
}
const waits: Attempt = { outcome: "waits", settle: Effect.void }
const nothingSent = { status: null, response: null, retryAfter: undefined }

/** Bytes. */
const readOfAnswer = 65_536
const keptOfAnswer = 1024

const errorOf = (status: number): DeliveryError | null =>
  status >= 200 && status < 300 ? null : status >= 300 && status < 400 ? "redirect" : "status"

/** The log names the endpoint by its id: its address may hold a secret. */
const tell = ({ eventType, id, webhookId }: DeliveryRow, { error, status }: DeliveryAttempt, { disable, status: became }: Judgement) =>
  Effect.gen(function*() {
    if (became === "failed") yield* Effect.logWarning("A webhook delivery has failed for good")
    if (disable !== null) {
      yield* Effect.logWarning(`A webhook has been disabled: ${disable}`)
      yield* disabledCount
    }
  }).pipe(Effect.annotateLogs({ webhookId, deliveryId: id, eventType, error, status }))
