import { HttpApiBuilder, HttpApp, HttpServerResponse } from "@effect/platform"
import { Duration, Effect } from "effect"
import { createHash } from "node:crypto"
import { Sending } from "../../actors/Sending.ts"
import type { Device } from "../../domain/Device.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { Direction, Message } from "../../domain/Message.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { Contacts } from "../../sql/Contacts.ts"
import { Messages } from "../../sql/Messages.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { SendFailed } from "../SendFailed.ts"

export const layer = HttpApiBuilder.group(Api, "messaging", (handlers) =>
  Effect.gen(function*() {
    const sending = yield* Sending
    const messages = yield* Messages
    const contacts = yield* Contacts

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

    const history = Effect.fnUntraced(function*(chat: Jid, query: {
      readonly before?: number | undefined
      readonly after?: number | undefined
      readonly direction?: Direction | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const items = yield* messages.history(device.deviceId, { chat, ...query })
      const last = items.at(-1)
      if (last === undefined || items.length < query.limit) return page(items, null)
      const next = query.after === undefined ? { before: last.id } : { after: last.id }
      const more = yield* messages.history(device.deviceId, { chat, direction: query.direction, ...next, limit: 1 })
      return page(items, more.length > 0 ? last.id : null)
    })

    const people = Effect.fnUntraced(function*(query: {
      readonly search?: string | undefined
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const found = yield* contacts.list(device.deviceId, { ...query, limit: query.limit + 1 })
      const items = found.slice(0, query.limit)
      const hasMore = found.length > query.limit
      return { items, nextCursor: hasMore ? items.at(-1)!.id : null, hasMore }
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
      .handle("chatHistory", ({ path, urlParams }) => history(path.jid, urlParams))
      .handle("contacts", ({ urlParams }) => people(urlParams))
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

const page = (items: ReadonlyArray<Message>, nextCursor: number | null) => ({
  items,
  nextCursor,
  hasMore: nextCursor !== null
})
