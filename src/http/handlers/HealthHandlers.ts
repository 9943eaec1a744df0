import { HttpApiBuilder } from "@effect/platform"
import { SqlClient } from "@effect/sql"
import { DateTime, Effect } from "effect"
import { Api } from "../Api.ts"
import { NotReady, Ready } from "../contract/HealthApi.ts"
import { Metrics } from "../metrics/Metrics.ts"
import { Shutdown } from "../Shutdown.ts"

export const layer = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const shutdown = yield* Shutdown
    const metrics = yield* Metrics

    const databaseAnswers = sql`SELECT 1`.pipe(
      Effect.timeout("2 seconds"),
      Effect.match({ onSuccess: () => "ok" as const, onFailure: () => "unavailable" as const })
    )

    const ready = Effect.gen(function*() {
      const checks = { database: yield* databaseAnswers, draining: yield* shutdown.isDraining }
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
