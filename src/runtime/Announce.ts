import { HttpServer } from "@effect/platform"
import { Config, Console, Effect, Option } from "effect"
import { FirstAdmin } from "./FirstAdmin.ts"

const wanted = Config.literal("on", "off")("LOG_BANNER").pipe(Config.withDefault("on" as const))

/** Tells whoever has started the service where it is, and once how to log in. */
export const announce = Effect.gen(function*() {
  const admin = yield* FirstAdmin
  const { address } = yield* HttpServer.HttpServer
  if ((yield* wanted) === "off") return
  const url = address._tag === "TcpAddress" ? `http://${host(address.hostname)}:${address.port}` : address.path
  const lines = [`WhatsApp Service listens on ${url}`, `API docs: ${url}/docs`]
  if (Option.isSome(admin)) {
    const { email, password } = admin.value
    lines.push(`First administrator: ${email}`)
    if (password !== undefined) lines.push(`Password (shown only now): ${password}`)
  }
  yield* Console.log(lines.join("\n"))
})

const host = (hostname: string) => (hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname)
