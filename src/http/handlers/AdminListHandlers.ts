import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { AdminLists, type NewestPage } from "../../sql/admin/AdminLists.ts"
import { GlobalFigures } from "../../sql/admin/GlobalFigures.ts"
import { Api } from "../Api.ts"
import { deviceView } from "../DeviceView.ts"
import { groupView } from "./GroupReading.ts"

export const layer = HttpApiBuilder.group(Api, "adminLists", (handlers) =>
  Effect.gen(function*() {
    const lists = yield* AdminLists
    const figures = yield* GlobalFigures

    return handlers
      .handle("devices", ({ urlParams: { limit, page, ...query } }) =>
        Effect.map(lists.devices({ ...query, limit, offset: (page - 1) * limit }), ({ devices, total }) => ({
          items: devices.map(deviceView),
          page,
          limit,
          total
        })))
      .handle("messages", ({ urlParams: { page, ...query } }) =>
        Effect.map(
          lists.messages({ ...query, offset: (page - 1) * query.limit }),
          shown(page, query.limit, ({ message, userId }) => ({ ...message, userId }))
        ))
      .handle("contacts", ({ urlParams: { page, ...query } }) =>
        Effect.map(
          lists.contacts({ ...query, offset: (page - 1) * query.limit }),
          shown(page, query.limit, ({ contact, deviceId, userId }) => ({ ...contact, userId, deviceId }))
        ))
      .handle("groups", ({ urlParams: { page, ...query } }) =>
        Effect.map(
          lists.groups({ ...query, offset: (page - 1) * query.limit }),
          shown(page, query.limit, ({ group, userId }) => ({ ...groupView(group), userId }))
        ))
      .handle("stats", () => figures.read)
  }))

const shown = <A, B>(page: number, limit: number, show: (row: A) => B) => ({ nextCursor, rows, total, totalIsExact }: NewestPage<A>) => ({
  items: rows.map(show),
  page,
  limit,
  total,
  totalIsExact,
  nextCursor,
  hasMore: nextCursor !== null
})
