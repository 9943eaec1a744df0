import { HttpApiBuilder } from "@effect/platform"
import { Effect, Redacted } from "effect"
import { Users } from "../../sql/accounts/Users.ts"
import { Api } from "../Api.ts"
import { Accounts } from "../auth/Accounts.ts"
import { familyOf } from "../auth/Credential.ts"
import { Sessions } from "../auth/Sessions.ts"
import { Caller } from "../contract/Authorization.ts"
import { ClientAddress } from "../edge/ClientAddress.ts"

export const layer = HttpApiBuilder.group(Api, "auth", (handlers) =>
  Effect.gen(function*() {
    const accounts = yield* Accounts
    const sessions = yield* Sessions
    const users = yield* Users
    const clients = yield* ClientAddress

    const login = Effect.fnUntraced(function*(name: string, password: Redacted.Redacted, address: string) {
      const user = yield* accounts.login(name, password, address)
      return { ...(yield* sessions.open(user.id)), user }
    })

    return handlers
      .handle("register", ({ payload }) => Effect.map(accounts.register(payload), (user) => ({ user })))
      .handle("login", ({ payload, request }) => login(payload.email, payload.password, clients.of(request)))
      .handle("refreshToken", ({ payload }) => sessions.refresh(Redacted.value(payload.refreshToken)))
      .handle("profile", () => Effect.flatMap(Caller, ({ userId }) => Effect.map(users.get(userId), (user) => ({ user }))))
      .handle("updateProfile", ({ payload, request }) =>
        Effect.gen(function*() {
          const { credential, userId } = yield* Caller
          const user = yield* accounts.changeProfile(userId, payload, clients.of(request))
          if (payload.password !== undefined) yield* sessions.end(userId, familyOf(credential))
          return { user }
        }))
  }))
