import { HttpApiBuilder, type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { Api } from "../Api.ts"
import { mayUse } from "../auth/Authorization.ts"
import { StreamTickets } from "../auth/StreamTickets.ts"
import { Caller } from "../contract/Authorization.ts"
import type { EventFilters } from "../contract/EventsApi.ts"
import { EventStreams } from "../events/EventStreams.ts"

export const layer = HttpApiBuilder.group(Api, "events", (handlers) =>
  Effect.gen(function*() {
    const streams = yield* EventStreams
    const devices = yield* Devices
    const tickets = yield* StreamTickets

    const ticket = Effect.fnUntraced(function*(wanted: ReadonlyArray<DeviceId> | undefined) {
      const caller = yield* Caller
      for (const deviceId of wanted ?? []) yield* mayUse(caller, yield* devices.get(deviceId))
      return yield* tickets.issue(caller.credential, wanted ?? null)
    })

    const stream = Effect.fnUntraced(function*(
      request: HttpServerRequest.HttpServerRequest,
      { deviceId, lastEventId, snapshot, types }: typeof EventFilters.Type
    ) {
      const caller = yield* Caller
      if (deviceId !== undefined) yield* mayUse(caller, yield* devices.get(deviceId))
      const body = yield* streams.open({
        credential: caller.credential,
        everybody: caller.role === "admin",
        deviceId,
        types,
        lastEventId,
        snapshot
      })
      yield* Effect.sync(() => NodeHttpServerRequest.toServerResponse(request).setTimeout(stalledAfter))
      return HttpServerResponse.stream(body, {
        contentType: "text/event-stream; charset=utf-8",
        // the second tells a proxy such as nginx to pass events on as they come
        headers: { "cache-control": "no-store, no-transform", "x-accel-buffering": "no" }
      })
    })

    return handlers
      .handle("stream", ({ headers, request, urlParams }) =>
        stream(request, { ...urlParams, lastEventId: headers["last-event-id"] ?? urlParams.lastEventId }))
      .handle("ticket", ({ payload }) => ticket(payload?.deviceIds))
  }))

/** Milliseconds after which a connection that takes nothing, not even a heartbeat, is given up. */
const stalledAfter = 60_000
