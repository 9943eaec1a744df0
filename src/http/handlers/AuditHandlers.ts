import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { Api } from "../Api.ts"

export const layer = HttpApiBuilder.group(Api, "audit", (handlers) =>
  Effect.gen(function*() {
    const audit = yield* AuditLog

    return handlers.handle("list", ({ urlParams }) =>
      Effect.map(audit.list({ ...urlParams, limit: urlParams.limit + 1 }), (found) => {
        const items = found.slice(0, urlParams.limit)
        const hasMore = found.length > urlParams.limit
        return { items, nextCursor: hasMore ? items.at(-1)!.id : null, hasMore }
      }))
  }))
