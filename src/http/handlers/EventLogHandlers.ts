import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { eventVersion } from "../../domain/ServiceEvent.ts"
import { Api } from "../Api.ts"
import { Caller } from "../contract/Authorization.ts"
import { EventPages } from "../events/EventPages.ts"
import { eventSchemas } from "../events/EventSchemas.ts"

export const layer = HttpApiBuilder.group(Api, "eventLog", (handlers) =>
  Effect.gen(function*() {
    const pages = yield* EventPages
    return handlers
      .handle("log", ({ urlParams }) => Effect.flatMap(Caller, (caller) => pages.read(caller, urlParams)))
      .handle("schemas", () => Effect.succeed({ version: eventVersion, schemas: eventSchemas }))
  }))
