import { HttpApp, HttpServerResponse } from "@effect/platform"
import { Duration, Effect } from "effect"
import { createHash } from "node:crypto"
import { Sending } from "../../actors/Sending.ts"
import type { Device } from "../../domain/Device.ts"
import type { Message } from "../../domain/Message.ts"
import type { SendRequest } from "../../domain/OutgoingContent.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import type { SendHeaders, WaitParams } from "../contract/SendAnswer.ts"
import { SendFailed } from "../SendFailed.ts"

/** What every call that sends does with its request. */
export const makeSendRequests = Effect.map(Sending, (sending) =>
  Effect.fnUntraced(function*(
    request: SendRequest,
    { headers, urlParams }: { readonly headers: typeof SendHeaders.Type; readonly urlParams: typeof WaitParams.Type },
    /** what makes a repetition the same call, where the request itself does not */
    identity: unknown = request
  ) {
    const { device } = yield* CallerDevice
    const idempotencyKey = headers["idempotency-key"]
    const { message, replayed } = yield* sending.send({
      deviceId: device.deviceId,
      request,
      idempotencyKey,
      requestHash: idempotencyKey === undefined ? undefined : requestHash(identity),
      wait: { until: urlParams.wait, timeout: Duration.seconds(urlParams.timeout) }
    })
    if (replayed) yield* markReplayed
    return yield* answer(device, message)
  }))

const requestHash = (identity: unknown): string => createHash("sha256").update(JSON.stringify(identity)).digest("hex")

const markReplayed = HttpApp.appendPreResponseHandler((_, response) =>
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
        reason: device.isConnected ? "waiting" : device.reason ?? device.status
      })
    default:
      return Effect.succeed({ ...told, status: message.status })
  }
}
