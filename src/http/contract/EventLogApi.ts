import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { ServiceEvent } from "../../domain/ServiceEvent.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"
import { EventFilters } from "./EventsApi.ts"
import { deviceNotFound, forbidden } from "./Failures.ts"
import { limitOf, RowId } from "./Paging.ts"

const { deviceId, types } = EventFilters.fields

export const EventLogApi = HttpApiGroup.make("eventLog")
  .add(
    HttpApiEndpoint.get("log", "/api/events/log")
      .setUrlParams(Schema.Struct({ after: Schema.optional(RowId), types, deviceId, limit: limitOf(1000, 100) }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(ServiceEvent),
        nextCursor: Schema.Int,
        hasMore: Schema.Boolean,
        isIncomplete: Schema.Boolean
      })))
      .addError(deviceNotFound)
      .addError(forbidden)
      .annotateContext(OpenApi.annotations({
        summary: "Events by cursor",
        description: "For programs that fetch events instead of being sent them: the events after the one with the id `after` (without it " +
          "from the oldest that is kept), oldest first. Keep `nextCursor`, also when there is nothing new, and ask with it next time. " +
          "`isIncomplete`: events after `after` are no longer kept. An `after` beyond the newest event is refused."
      }))
  )
  .add(
    HttpApiEndpoint.get("schemas", "/api/events/schemas")
      .addSuccess(Envelope.success(Schema.Struct({
        version: Schema.Int,
        schemas: Schema.Record({ key: Schema.String, value: Schema.Object })
      })))
      .annotateContext(OpenApi.annotations({
        summary: "The schemas of events",
        description: "For each type the JSON Schema of its `data`, at the version that events have in `version`."
      }))
  )
  .middleware(Authorized)
  .annotateContext(OpenApi.annotations({ title: "Event log", description: "Events for programs that ask for them." }))
