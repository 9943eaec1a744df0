import { Config, ConfigError, Console, Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { Email, Password } from "../domain/User.ts"
import { Accounts } from "../http/auth/Accounts.ts"
import { Users } from "../sql/accounts/Users.ts"
import { newPassword, usernameOf } from "./NewAdmin.ts"

const email = Config.string("ADMIN_EMAIL").pipe(
  Config.withDefault("admin@localhost"),
  Config.mapOrFail((text) =>
    Schema.is(Email)(text) ? Either.right(text) : Either.left(ConfigError.InvalidData(["ADMIN_EMAIL"], "an e-mail address is expected"))
  )
)
const password = Config.option(
  Config.redacted("ADMIN_PASSWORD").pipe(
    Config.mapOrFail((secret) =>
      Schema.is(Password)(Redacted.value(secret))
        ? Either.right(secret)
        : Either.left(ConfigError.InvalidData(["ADMIN_PASSWORD"], "8 to 256 characters are expected"))
    )
  )
)

/**
 * Makes an administrator where there is none. A password that is made here is shown at once: whatever becomes of the rest of
 * the start, it is not shown again.
 */
export const FirstAdmin = Layer.effectDiscard(
  Effect.gen(function*() {
    const users = yield* Users
    const accounts = yield* Accounts
    const address = yield* email
    const given = yield* password
    if (yield* users.hasAdmin) return
    const chosen = Option.getOrElse(given, () => Redacted.make(newPassword()))
    const made = yield* accounts.createUser({ email: address, username: usernameOf(address), password: chosen, role: "admin" }).pipe(
      Effect.as(true),
      // another process that starts now may have been first
      Effect.catchTag("UserExists", (error) => Effect.flatMap(users.hasAdmin, (there) => there ? Effect.succeed(false) : error))
    )
    if (!made || Option.isSome(given)) return
    yield* Console.log(`First administrator: ${address}\nPassword (shown only now): ${Redacted.value(chosen)}`)
  })
)
