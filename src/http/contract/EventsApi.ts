import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { EventType } from "../../domain/ServiceEvent.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized, AuthorizedByQuery } from "./Authorization.ts"
import { closed } from "./Body.ts"
import { deviceNotFound, forbidden } from "./Failures.ts"
import { RowId } from "./Paging.ts"

/** This user has as many event streams open as one may have. */
export class TooManyStreams extends Schema.TaggedError<TooManyStreams>()(
  "TooManyStreams",
  { limit: Schema.Int, retryAfterSeconds: Schema.Int },
  HttpApiSchema.annotations({ status: 429 })
) {
  override get message() {
    return `At most ${this.limit} event streams may be open for one user.`
  }
}

const Types = Schema.transform(
  Schema.Union(Schema.String, Schema.Array(Schema.String)),
  Schema.Array(EventType),
  {
    strict: false,
    decode: (sent) => (typeof sent === "string" ? [sent] : sent).flatMap((part) => part.split(",")).map((type) => type.trim()),
    encode: (types) => types.join(",")
  }
)

export const EventFilters = Schema.Struct({
  deviceId: Schema.optional(DeviceId),
  types: Schema.optional(Types),
  lastEventId: Schema.optional(RowId),
  snapshot: Schema.optional(Schema.BooleanFromString)
})

export const EventsApi = HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.get("stream", "/api/events")
      .setUrlParams(EventFilters)
      .setHeaders(Schema.Struct({ "last-event-id": Schema.optional(RowId) }))
      .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" })))
      .addError(deviceNotFound)
      .addError(forbidden)
      .addError(Envelope.failure(TooManyStreams))
      .middleware(AuthorizedByQuery)
      .annotateContext(OpenApi.annotations({
        summary: "Events as they happen (server-sent events)",
        description: "Unnamed events whose data is JSON: `type`, `id`, `deviceId`, `sequence`, `timestamp`, `version`, and " +
          "the event's own fields, both beside these and under `data`. The first has the type `connected`. A user sees the " +
          "events of his devices, an administrator all; `deviceId` and `types` (comma-separated) narrow it down. After an " +
          "interruption the stream goes on after the id in `Last-Event-ID` (or `lastEventId`); if events since then are no " +
          "longer kept, one of the type `reset` says so; an id that no event has had yet is refused. With `snapshot=true` one of the type `snapshot` follows " +
          "where the stream begins anew, and after `reset`: `devices` as they stand, at most 1000 (`hasMore` if there are others), and in " +
          "`lastEventId` the event that the stream goes on after, so that no change is missed; the first events may be in it already. The last event of a stream that the server ends has the type `closed`, " +
          "with a `reason` and the `lastEventId` to go on from. The token may be given as `token` in the query, or better a " +
          "`ticket`, which is worth nothing to whoever reads it in a log."
      }))
  )
  .add(
    HttpApiEndpoint.post("ticket", "/api/events/ticket")
      .setPayload(Schema.NullOr(closed({
        deviceIds: Schema.optional(Schema.NonEmptyArray(DeviceId).pipe(Schema.maxItems(100)))
      })))
      .addSuccess(Envelope.success(Schema.Struct({ ticket: Schema.String, expiresAt: Schema.DateTimeUtc }), { status: 201 }))
      .addError(deviceNotFound)
      .addError(forbidden)
      .middleware(Authorized)
      .annotateContext(OpenApi.annotations({
        summary: "A ticket for one event stream",
        description: "For browsers' EventSource: `GET /api/events?ticket=…` within 60 seconds, once. The stream shows what the " +
          "caller may see, or only `deviceIds`, and ends when his token does. A body is not needed."
      }))
  )
  .annotateContext(OpenApi.annotations({ title: "Events", description: "Events for those who listen." }))
