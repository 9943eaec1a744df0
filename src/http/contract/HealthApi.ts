import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"

const Readiness = {
  checks: Schema.Struct({
    database: Schema.Literal("ok", "unavailable"),
    draining: Schema.Boolean
  }),
  timestamp: Schema.DateTimeUtc
}

export class Ready extends Schema.Class<Ready>("Ready")({ status: Schema.Literal("ready"), ...Readiness }) {}

/** Not fit for traffic: what is missing is in `checks`. It is the probe's own shape, not the API's envelope. */
export class NotReady extends Schema.Class<NotReady>("NotReady")(
  { status: Schema.Literal("unavailable"), ...Readiness },
  HttpApiSchema.annotations({ status: 503 })
) {}

export const HealthApi = HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("health", "/api/health")
      .addSuccess(Schema.Struct({ status: Schema.Literal("OK"), message: Schema.String, timestamp: Schema.DateTimeUtc }))
      .annotateContext(OpenApi.annotations({
        summary: "The service runs",
        description: "For people and older probes; it looks at nothing but itself."
      }))
  )
  .add(
    HttpApiEndpoint.get("live", "/health/live")
      .addSuccess(Schema.Struct({ status: Schema.Literal("live"), timestamp: Schema.DateTimeUtc }))
      .annotateContext(OpenApi.annotations({
        summary: "The process answers",
        description: "If this does not answer, the process is to be started anew."
      }))
  )
  .add(
    HttpApiEndpoint.get("ready", "/health/ready")
      .addSuccess(Ready)
      .addSuccess(NotReady, { status: 503 })
      .annotateContext(OpenApi.annotations({
        summary: "The service may be given traffic",
        description: "503 while its database takes no writes or it is about to stop."
      }))
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(Schema.String.pipe(
        HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/plain; version=0.0.4; charset=utf-8" })
      ))
      .annotateContext(OpenApi.annotations({
        summary: "Figures in Prometheus' text format",
        description: "Of this process, since its start."
      }))
  )
  .annotateContext(OpenApi.annotations({ title: "Health", description: "Whether the service runs, for machines that watch it. Nobody has to log in." }))
