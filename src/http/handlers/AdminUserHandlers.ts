import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { UserDirectory } from "../../sql/accounts/UserDirectory.ts"
import { Users } from "../../sql/accounts/Users.ts"
import { Api } from "../Api.ts"
import { Accounts } from "../auth/Accounts.ts"
import { UserAdministration } from "../auth/UserAdministration.ts"
import { Caller } from "../contract/Authorization.ts"

export const layer = HttpApiBuilder.group(Api, "adminUsers", (handlers) =>
  Effect.gen(function*() {
    const users = yield* Users
    const directory = yield* UserDirectory
    const accounts = yield* Accounts
    const administration = yield* UserAdministration

    return handlers
      .handle("list", ({ urlParams: { limit, page, ...query } }) =>
        Effect.map(directory.list({ ...query, limit, offset: (page - 1) * limit }), ({ total, users: items }) => ({ items, page, limit, total })))
      .handle("create", ({ payload }) =>
        Effect.gen(function*() {
          return { user: yield* accounts.createUser(payload, yield* Caller) }
        }))
      .handle("get", ({ path: { userId } }) =>
        Effect.gen(function*() {
          const user = yield* users.get(userId)
          const { count, deviceIds } = yield* directory.devicesOf(userId, 100)
          return { user, deviceCount: count, deviceIds }
        }))
      .handle("update", ({ path: { userId }, payload }) =>
        Effect.gen(function*() {
          return { user: yield* administration.change(userId, payload, yield* Caller) }
        }))
      .handle("remove", ({ path: { userId }, urlParams }) =>
        Effect.gen(function*() {
          const removal = yield* administration.remove(userId, urlParams.devices, yield* Caller)
          return { userId, ...removal, message: "The user has been deleted." }
        }))
  }))
