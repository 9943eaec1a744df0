import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Email, Password, Username } from "../domain/User.ts"
import { Accounts } from "../http/auth/Accounts.ts"
import { readOptions, UsageError } from "./Arguments.ts"
import { newPassword, usernameOf } from "./NewAdmin.ts"
import { AccountServices } from "./Services.ts"

const valid = <A, I>(schema: Schema.Schema<A, I>, name: string, value: I) =>
  Effect.mapError(Schema.decode(schema)(value), () => new UsageError({ problem: `--${name} is not valid` }))

/** `create-admin --email E [--username U] [--password P]`; without a password one is made and printed. */
export const createAdmin = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const options = yield* readOptions(args, ["email", "username", "password"])
  if (options.email === undefined) return yield* new UsageError({ problem: "create-admin needs --email" })
  const email = yield* valid(Email, "email", options.email)
  const username = yield* valid(Username, "username", options.username ?? usernameOf(email))
  const given = Option.fromNullable(options.password)
  const password = yield* valid(Password, "password", Option.getOrElse(given, newPassword))
  yield* Effect.flatMap(Accounts, (accounts) =>
    accounts.createUser({ email, username, password: Redacted.make(password), role: "admin" })).pipe(
      Effect.provide(AccountServices)
    )
  yield* Console.log(`Administrator ${username} <${email}> created.`)
  if (Option.isNone(given)) yield* Console.log(`Password: ${password}`)
})
