import { Clock, Context, DateTime, Duration, Effect, Layer, Option, Random } from "effect"
import { makeGathering } from "../../sql/database/Gathering.ts"
import { duration } from "../../domain/Settings.ts"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { WebhookFormat } from "../../domain/Webhook.ts"
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

/** One attempt at one delivery, from the rows to what becomes of it. */
export class WebhookSender extends Context.Tag("whatsapp-service/WebhookSender")<WebhookSender, {
  /** `waits`: the endpoint takes nothing for now. `alone`: it has failed, and is tried with one delivery at a time. */
  readonly attempt: (delivery: DeliveryRow, isFirst: boolean) => Effect.Effect<"done" | "alone" | "waits", StorageUnavailable>
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

      const bodyFor = Effect.fnUntraced(function*({ body, eventId }: DeliveryRow, format: WebhookFormat) {
        if (eventId === null) return Option.fromNullable(body)
        const [event] = yield* log.after({ after: eventId - 1, limit: 1 })
        if (event?.id !== eventId) return Option.none()
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

      const settle = Effect.fnUntraced(function*(delivery: DeliveryRow, at: DateTime.Utc, outcome: Outcome) {
        const millis = (yield* Clock.currentTimeMillis) - at.epochMillis
        const { error, response, retryAfter, status } = outcome
        const attempt: DeliveryAttempt = { at, status, error, millis, response }
        const chance = yield* Random.next
        yield* attemptCount(error, millis)
        const judgement = yield* written({ delivery, attempt, judge: judge({ attempt, delivery, retryAfter, disableAfter, chance }) })
        if (judgement !== undefined) yield* tell(delivery, attempt, judgement)
      })

      const attempt = Effect.fn("WebhookSender.attempt")(function*(delivery: DeliveryRow, isFirst: boolean) {
        const at = yield* DateTime.now
        const target = yield* Effect.either(webhooks.target(delivery.webhookId))
        if (target._tag === "Left") {
          if (target.left._tag === "StorageUnavailable") return yield* target.left
          // without its endpoint it goes with the next pruning
          if (target.left._tag === "Undecipherable") yield* settle(delivery, at, { ...nothingSent, error: "secret_unreadable" })
          return "waits" as const
        }
        const { webhook } = target.right
        const isHalfOpen = webhook.failures >= breakerOpensAt
        if (!webhook.enabled || DateTime.lessThan(at, webhook.pausedUntil ?? at) || (isHalfOpen && !isFirst)) return "waits" as const
        const body = yield* bodyFor(delivery, webhook.format)
        yield* settle(delivery, at, Option.isNone(body) ? { ...nothingSent, error: "event_gone" } : yield* post(delivery, target.right, body.value))
        return isHalfOpen ? "alone" as const : "done" as const
      })

      return WebhookSender.of({ attempt })
    })
  )
}

interface Outcome {
  readonly status: number | null
  readonly error: DeliveryError | null
  readonly response: string | null
  readonly retryAfter: number | undefined
}
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
