import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { UserId } from "../../domain/User.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { OptOuts } from "../../sql/contacts/OptOuts.ts"
import { Api } from "../Api.ts"
import { Caller } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"

export const layer = HttpApiBuilder.group(Api, "optOuts", (handlers) =>
  Effect.gen(function*() {
    const optOuts = yield* OptOuts
    const audit = yield* AuditLog

    return handlers
      .handle("list", ({ urlParams: { before, limit, userId } }) =>
        Effect.gen(function*() {
          return page(yield* optOuts.list(yield* owner(userId), { before, limit: limit + 1 }), limit, ({ id }) => id)
        }))
      .handle("add", ({ payload: { phones, reason }, urlParams: { userId } }) =>
        Effect.gen(function*() {
          const of = yield* owner(userId)
          const actor = yield* Caller
          const added = yield* audit.with(optOuts.add(of, phones, reason ?? null), (added) => ({
            actor, action: "opt-out.add", target: { type: "user", id: String(of) }, details: { added }
          }))
          return { added }
        }))
      .handle("remove", ({ path: { jid }, urlParams: { userId } }) =>
        Effect.gen(function*() {
          const of = yield* owner(userId)
          const actor = yield* Caller
          const removed = yield* audit.with(optOuts.remove(of, jid), (removed) => ({
            actor, action: "opt-out.remove", target: { type: "user", id: String(of) }, details: { address: jid, removed }
          }))
          return { address: jid, removed }
        }))
  }))

/** Whose list is meant: the caller's, or the one that an administrator names. */
const owner = Effect.fnUntraced(function*(named: UserId | undefined) {
  const { role, userId } = yield* Caller
  if (named !== undefined && named !== userId && role !== "admin") return yield* new Forbidden()
  return named ?? userId
})
