import { Context, Effect, Layer } from "effect"
import type { HttpApiError } from "@effect/platform"
import type { Forbidden } from "../../domain/Access.ts"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { EventType, ServiceEvent } from "../../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { mayUse } from "../auth/Authorization.ts"
import type { CallerIdentity } from "../contract/Authorization.ts"
import { fieldRefused } from "../contract/FieldRefused.ts"

export interface EventPage {
  readonly items: ReadonlyArray<ServiceEvent>
  readonly nextCursor: number
  readonly hasMore: boolean
  readonly isIncomplete: boolean
}

/** The event log in pages, for callers that keep a cursor of their own. */
export class EventPages extends Context.Tag("whatsapp-service/EventPages")<EventPages, {
  readonly read: (
    caller: CallerIdentity,
    wanted: {
      readonly after?: number | undefined
      readonly types?: ReadonlyArray<EventType> | undefined
      readonly deviceId?: DeviceId | undefined
      readonly limit: number
    }
  ) => Effect.Effect<EventPage, HttpApiError.HttpApiDecodeError | DeviceNotFound | Forbidden | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    EventPages,
    Effect.gen(function*() {
      const log = yield* EventLog
      const devices = yield* Devices
      return EventPages.of({
        read: Effect.fn("EventPages.read")(function*(caller, { after, deviceId, limit, types }) {
          if (deviceId !== undefined) yield* mayUse(caller, yield* devices.get(deviceId))
          // first: what comes while the page is read is on the next one
          const latest = yield* log.latest
          if (after !== undefined && after > latest) return yield* fieldRefused("after", `there is no such event yet; the newest is ${latest}`)
          const oldest = yield* log.oldest
          const items = yield* log.after({
            after: after ?? 0,
            types,
            deviceId,
            limit,
            userId: caller.role === "admin" ? undefined : caller.userId,
            deviceIds: caller.devices ?? undefined
          })
          const hasMore = items.length === limit && items.at(-1)!.id < latest
          return {
            items,
            nextCursor: items.length === limit ? items.at(-1)!.id : Math.max(latest, items.at(-1)?.id ?? 0),
            hasMore,
            isIncomplete: after !== undefined && after < oldest - 1
          }
        })
      })
    })
  )
}
