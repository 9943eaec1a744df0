import { HttpApp, HttpServerResponse } from "@effect/platform"
import { Duration, Effect } from "effect"
import { createHash } from "node:crypto"
import { Sending } from "../../actors/outbox/Sending.ts"
import type { Device } from "../../domain/Device.ts"
import type { Message } from "../../domain/Message.ts"
import type { SendRequest } from "../../domain/OutgoingContent.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { Waiting } from "../../sql/outbox/Waiting.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import type { SendHeaders, WaitParams } from "../contract/SendAnswer.ts"
import { SendFailed } from "../SendFailed.ts"

/** What every call that sends does with its request. */
export const makeSendRequests = Effect.map(Effect.all([Devices, Sending, Waiting]), ([devices, sending, waiting]) =>
  Effect.fnUntraced(function*(
    request: SendRequest,
    { headers, urlParams }: { readonly headers: typeof SendHeaders.Type; readonly urlParams: typeof WaitParams.Type },
    /** by what a repetition is known */
    asked: unknown = request
  ) {
    const { device: asAsked } = yield* CallerDevice
    const idempotencyKey = headers["idempotency-key"]
    const { message, replayed } = yield* sending.send({
      deviceId: asAsked.deviceId,
      request,
      idempotencyKey,
      requestHash: idempotencyKey === undefined ? undefined : requestHash(asked),
      wait: { until: urlParams.wait, timeout: Duration.seconds(urlParams.timeout) }
    })
    if (replayed) yield* markReplayed
    // who does not wait is told nothing that would have to be looked for
    const tellsAll = message.status !== "pending" || (urlParams.wait === "accepted" && asAsked.isConnected)
    if (tellsAll) return yield* answer(asAsked, message)
    // its connection may have come or gone during the wait
    const device = yield* devices.get(asAsked.deviceId)
    const [explained] = yield* waiting.explain(device, [message])
    return yield* answer(device, explained ?? message)
  }))

const requestHash = (asked: unknown): string => createHash("sha256").update(JSON.stringify(asked)).digest("hex")

/** Tells that a repeated request was answered as the first. */
export const markReplayed = HttpApp.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "idempotency-replayed", "true"))
)

const answer = (device: Device, message: Message) => {
  const told = {
    messageId: message.messageId,
    deviceId: message.deviceId,
    to: message.toNumber,
    timestamp: message.timestamp,
    sentAt: message.sentAt,
    deliveredAt: message.deliveredAt,
    readAt: message.readAt
  }
  switch (message.status) {
    case "failed":
      return new SendFailed({
        messageId: message.messageId,
        status: "failed",
        failure: message.failure ?? { code: "REFUSED_BY_WHATSAPP", text: "The message could not be sent.", whatsapp: null }
      })
    case "pending":
      return Effect.succeed({
        ...told,
        status: message.status,
        reason: device.isConnected ? "waiting" : device.reason ?? device.status,
        waitingFor: message.waitingFor
      })
    default:
      return Effect.succeed({ ...told, status: message.status })
  }
}
