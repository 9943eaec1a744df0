import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { DeviceActors } from "../../actors/DeviceActors.ts"
import { DeviceAlreadyPaired } from "../../domain/Device.ts"
import { AdminLists } from "../../sql/admin/AdminLists.ts"
import { Contacts } from "../../sql/contacts/Contacts.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { connectedView, deviceState } from "../DeviceView.ts"
import { textRequest } from "./MessagingHandlers.ts"
import { makeNoting } from "./Noting.ts"
import { makeSendRequests } from "./SendRequests.ts"

export const layer = HttpApiBuilder.group(Api, "legacy", (handlers) =>
  Effect.gen(function*() {
    const actors = yield* DeviceActors
    const send = yield* makeSendRequests
    const contacts = yield* Contacts
    const lists = yield* AdminLists
    const { ofDevice } = yield* makeNoting
    const device = Effect.map(CallerDevice, (found) => found.device)
    const connect = device.pipe(
      Effect.flatMap(({ deviceId }) => ofDevice("device.connect", actors.connect(deviceId))),
      Effect.flatMap(connectedView)
    )
    const disconnect = device.pipe(
      Effect.flatMap(({ deviceId }) => ofDevice("device.disconnect", actors.disconnect(deviceId))),
      Effect.map(deviceState)
    )

    return handlers
      .handle("status", () => Effect.flatMap(device, connectedView))
      .handle("connect", () => connect)
      .handle("regenerateQr", () =>
        Effect.gen(function*() {
          const { deviceId, isPaired } = yield* device
          if (isPaired) return yield* new DeviceAlreadyPaired({ deviceId })
          yield* disconnect
          return yield* connect
        }))
      .handle("disconnect", () => disconnect)
      .handle("sendMessage", ({ payload, ...call }) => send(textRequest(payload), call))
      .handle("messages", ({ urlParams }) =>
        Effect.gen(function*() {
          const { deviceId } = yield* device
          const { nextCursor, rows } = yield* lists.messages({ ...urlParams, deviceId, offset: 0, shownOnly: true })
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
