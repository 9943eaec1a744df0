import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import type { UserId } from "../../domain/User.ts"
import { ApiKeys } from "../../sql/accounts/ApiKeys.ts"
import { Users } from "../../sql/accounts/Users.ts"
import { Api } from "../Api.ts"
import { ApiKeyIssue } from "../auth/ApiKeyIssue.ts"
import { Caller } from "../contract/Authorization.ts"

export const layer = HttpApiBuilder.group(Api, "apiKeys", (handlers) =>
  Effect.gen(function*() {
    const apiKeys = yield* ApiKeys
    const issue = yield* ApiKeyIssue
    const users = yield* Users
    const list = (userId: UserId) => Effect.map(apiKeys.list(userId), (items) => ({ items }))

    return handlers
      .handle("list", () => Effect.flatMap(Caller, ({ userId }) => list(userId)))
      .handle("create", ({ payload }) => Effect.flatMap(Caller, (caller) => issue.create(caller.userId, payload, caller)))
      .handle("revoke", ({ path }) =>
        Effect.flatMap(Caller, (caller) =>
          Effect.map(issue.revoke(caller.userId, path.apiKeyId, caller), (apiKey) => ({ apiKey }))))
      .handle("listOf", ({ path }) => Effect.zipRight(users.get(path.userId), list(path.userId)))
      .handle("createFor", ({ path, payload }) => Effect.flatMap(Caller, (caller) => issue.create(path.userId, payload, caller)))
      .handle("revokeOf", ({ path }) =>
        Effect.flatMap(Caller, (caller) =>
          Effect.map(issue.revoke(path.userId, path.apiKeyId, caller), (apiKey) => ({ apiKey }))))
  }))
