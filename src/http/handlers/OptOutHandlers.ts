import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { UserId } from "../../domain/User.ts"
import { OptOuts } from "../../sql/contacts/OptOuts.ts"
import { Api } from "../Api.ts"
import { Caller } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"

export const layer = HttpApiBuilder.group(Api, "optOuts", (handlers) =>
  Effect.map(OptOuts, (optOuts) =>
    handlers
      .handle("list", ({ urlParams: { before, limit, userId } }) =>
        Effect.gen(function*() {
          return page(yield* optOuts.list(yield* owner(userId), { before, limit: limit + 1 }), limit, ({ id }) => id)
        }))
      .handle("add", ({ payload: { phones, reason }, urlParams: { userId } }) =>
        Effect.gen(function*() {
          return { added: yield* optOuts.add(yield* owner(userId), phones, reason ?? null) }
        }))
      .handle("remove", ({ path: { jid }, urlParams: { userId } }) =>
        Effect.gen(function*() {
          return { address: jid, removed: yield* optOuts.remove(yield* owner(userId), jid) }
        }))))

/** Whose list is meant: the caller's, or the one that an administrator names. */
const owner = Effect.fnUntraced(function*(named: UserId | undefined) {
  const { role, userId } = yield* Caller
  if (named !== undefined && named !== userId && role !== "admin") return yield* new Forbidden()
  return named ?? userId
})
