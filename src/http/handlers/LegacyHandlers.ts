import { HttpApiBuilder } from "@effect/platform"
import { Duration, Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { Sending } from "../../actors/Sending.ts"
import { DeviceAlreadyPaired } from "../../domain/Device.ts"
import { AdminLists } from "../../sql/AdminLists.ts"
import { Contacts } from "../../sql/Contacts.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { connectedView, deviceState } from "../DeviceView.ts"
import { answer, markReplayed, requestHash } from "./MessagingHandlers.ts"

export const layer = HttpApiBuilder.group(Api, "legacy", (handlers) =>
  Effect.gen(function*() {
    const actors = yield* DeviceActors
    const sending = yield* Sending
    const contacts = yield* Contacts
    const lists = yield* AdminLists
    const device = Effect.map(CallerDevice, (found) => found.device)

    return handlers
      .handle("status", () => Effect.flatMap(device, connectedView))
      .handle("connect", () =>
        device.pipe(Effect.flatMap(({ deviceId }) => actors.connect(deviceId)), Effect.flatMap(connectedView)))
      .handle("regenerateQr", () =>
        Effect.gen(function*() {
          const { deviceId, isPaired } = yield* device
          if (isPaired) return yield* new DeviceAlreadyPaired({ deviceId })
          yield* actors.disconnect(deviceId)
          return yield* Effect.flatMap(actors.connect(deviceId), connectedView)
        }))
      .handle("disconnect", () =>
        device.pipe(Effect.flatMap(({ deviceId }) => actors.disconnect(deviceId)), Effect.map(deviceState)))
      .handle("sendMessage", ({ headers, payload, urlParams }) =>
        Effect.gen(function*() {
          const from = yield* device
          const idempotencyKey = headers["idempotency-key"]
          const { message, replayed } = yield* sending.sendText({
            deviceId: from.deviceId,
            to: payload.phone,
            text: payload.message,
            idempotencyKey,
            requestHash: idempotencyKey === undefined ? undefined : requestHash(payload.phone, payload.message),
            wait: { until: urlParams.wait, timeout: Duration.seconds(urlParams.timeout) }
          })
          if (replayed) yield* markReplayed
          return yield* answer(from, message)
        }))
      .handle("messages", ({ urlParams }) =>
        Effect.gen(function*() {
          const { deviceId } = yield* device
          const { nextCursor, rows } = yield* lists.messages({ ...urlParams, deviceId, offset: 0 })
          return { items: rows.map(({ message }) => message), nextCursor, hasMore: nextCursor !== null }
        }))
      .handle("contacts", ({ urlParams }) =>
        Effect.gen(function*() {
          const { deviceId } = yield* device
          const found = yield* contacts.list(deviceId, { ...urlParams, limit: urlParams.limit + 1 })
          const items = found.slice(0, urlParams.limit)
          const hasMore = found.length > urlParams.limit
          return { items, nextCursor: hasMore ? items.at(-1)!.id : null, hasMore }
        }))
  }))
