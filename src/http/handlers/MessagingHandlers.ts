import { HttpApiBuilder, HttpApp, HttpServerResponse } from "@effect/platform"
import { Duration, Effect } from "effect"
import { createHash } from "node:crypto"
import { Sending } from "../../actors/Sending.ts"
import type { Device } from "../../domain/Device.ts"
import type { Message } from "../../domain/Message.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { SendFailed } from "../SendFailed.ts"

export const layer = HttpApiBuilder.group(Api, "messaging", (handlers) =>
  Effect.gen(function*() {
    const sending = yield* Sending

    const send = Effect.fnUntraced(function*(input: {
      readonly to: PhoneNumber
      readonly text: string
      readonly idempotencyKey: string | undefined
      readonly until: "accepted" | "sent" | "delivered"
      readonly seconds: number
    }) {
      const { device } = yield* CallerDevice
      const { message, replayed } = yield* sending.sendText({
        deviceId: device.deviceId,
        to: input.to,
        text: input.text,
        idempotencyKey: input.idempotencyKey,
        requestHash: input.idempotencyKey === undefined ? undefined : requestHash(input.to, input.text),
        wait: { until: input.until, timeout: Duration.seconds(input.seconds) }
      })
      if (replayed) yield* markReplayed
      return yield* answer(device, message)
    })

    return handlers
      .handle("sendMessage", ({ headers, payload, urlParams }) =>
        send({
          to: payload.phone,
          text: payload.message,
          idempotencyKey: headers["idempotency-key"],
          until: urlParams.wait,
          seconds: urlParams.timeout
        }))
  }))

export const requestHash = (to: PhoneNumber, text: string): string =>
  createHash("sha256").update(JSON.stringify([to, text])).digest("hex")

export const markReplayed = HttpApp.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "idempotency-replayed", "true"))
)

export const answer = (device: Device, message: Message) => {
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
