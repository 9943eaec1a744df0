import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import { Accounts } from "../http/auth/Accounts.ts"
import { Users } from "../sql/Users.ts"
import { newPassword, usernameOf } from "./NewAdmin.ts"

/** The administrator made at this start, if there was none; `password` only where it was made here: it is shown once. */
export class FirstAdmin extends Context.Tag("whatsapp-service/FirstAdmin")<
  FirstAdmin,
  Option.Option<{ readonly email: string; readonly password: string | undefined }>
>() {
  static readonly layer = Layer.effect(
    FirstAdmin,
    Effect.gen(function*() {
      const users = yield* Users
      if (yield* users.hasAdmin) return Option.none()
      const email = yield* Config.nonEmptyString("ADMIN_EMAIL").pipe(Config.withDefault("admin@localhost"))
      const given = yield* Config.option(Config.redacted("ADMIN_PASSWORD"))
      const password = Option.getOrElse(given, () => Redacted.make(newPassword()))
      const accounts = yield* Accounts
      yield* accounts.createUser({ email, username: usernameOf(email), password, role: "admin" })
      return Option.some({ email, password: Option.isNone(given) ? Redacted.value(password) : undefined })
    })
  )
}
