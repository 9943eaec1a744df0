import { Config, Effect, Option, Redacted } from "effect"
import { Accounts } from "../http/auth/Accounts.ts"
import { Users } from "../sql/Users.ts"
import { newPassword, usernameOf } from "./CreateAdmin.ts"

/** Makes the first administrator where there is none. `password` is there only if it was made here: it is shown once. */
export const firstAdmin = Effect.gen(function*() {
  const users = yield* Users
  if (yield* users.hasAdmin) return Option.none()
  const email = yield* Config.nonEmptyString("ADMIN_EMAIL").pipe(Config.withDefault("admin@localhost"))
  const given = yield* Config.option(Config.redacted("ADMIN_PASSWORD"))
  const password = Option.getOrElse(given, () => Redacted.make(newPassword()))
  const accounts = yield* Accounts
  yield* accounts.createUser({ email, username: usernameOf(email), password, role: "admin" })
  return Option.some({ email, password: Option.isNone(given) ? Redacted.value(password) : undefined })
})
