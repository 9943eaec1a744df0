import { HttpApiBuilder } from "@effect/platform"
import { DateTime, Effect } from "effect"
import { Api } from "../Api.ts"
import { NotReady, Ready } from "../contract/HealthApi.ts"
import { makeWriteProbe } from "../../sql/database/WriteProbe.ts"
import { Metrics } from "../metrics/Metrics.ts"
import { Shutdown } from "../Shutdown.ts"

export const layer = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function*() {
    const shutdown = yield* Shutdown
    const metrics = yield* Metrics

    // whoever asks without end does not write without end
    const databaseTakesWrites = yield* (yield* makeWriteProbe).pipe(
      Effect.timeout("2 seconds"),
      Effect.match({ onSuccess: () => "ok" as const, onFailure: () => "unavailable" as const }),
      Effect.cachedWithTTL("1 second")
    )

    const ready = Effect.gen(function*() {
      const checks = { database: yield* databaseTakesWrites, draining: yield* shutdown.isDraining }
      const timestamp = yield* DateTime.now
      return checks.database === "ok" && !checks.draining
        ? new Ready({ status: "ready", checks, timestamp })
        : new NotReady({ status: "unavailable", checks, timestamp })
    })

    return handlers
      .handle("health", () =>
        Effect.map(DateTime.now, (timestamp) => ({
          status: "OK" as const,
          message: "WhatsApp Service Backend is running",
          timestamp
        })))
      .handle("live", () => Effect.map(DateTime.now, (timestamp) => ({ status: "live" as const, timestamp })))
      .handle("ready", () => ready)
      .handle("metrics", () => metrics.text)
  }))
