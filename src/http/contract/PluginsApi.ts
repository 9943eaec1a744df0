import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"

const PluginState = Schema.Struct({
  name: Schema.String,
  runsHere: Schema.Boolean,
  passed: Schema.NullOr(Schema.Int),
  trouble: Schema.NullOr(Schema.Struct({ since: Schema.DateTimeUtc, message: Schema.String }))
})

export const PluginsApi = HttpApiGroup.make("plugins")
  .add(
    HttpApiEndpoint.get("list", "/api/admin/plugins")
      .addSuccess(Envelope.success(Schema.Struct({ items: Schema.Array(PluginState) })))
      .annotateContext(OpenApi.annotations({
        summary: "Plugins of this process",
        description: "`runsHere`: it is this process that runs it, and `passed` is the last event that it is done with. `trouble`: it fails at the next ones."
      }))
  )
  .middleware(Authorized)
  .annotateContext(OpenApi.annotations({ title: "Administration: plugins", description: "What runs beside the service, for administrators." }))
