import { Config, ConfigError, Data, Effect, Option, Redacted } from "effect"
import { join } from "node:path"

export type DatabaseTarget = Data.TaggedEnum<{
  Sqlite: { readonly filename: string; readonly variable: string }
  Mysql: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly password: Redacted.Redacted | undefined
    readonly database: string
    readonly tls: boolean
    readonly variable: string
  }
}>
export const DatabaseTarget = Data.taggedEnum<DatabaseTarget>()

/** Whether the start makes what the database lacks. */
export const autoCreate = Config.boolean("AUTO_CREATE_TABLES").pipe(Config.withDefault(true))

/** Which database the environment names. An empty variable counts as absent, as `.env` files leave them. */
export const databaseTarget = Effect.gen(function*() {
  const url = yield* optional("DATABASE_URL")
  if (Option.isSome(url)) return yield* fromUrl(url.value)
  const host = yield* optional("DB_HOST")
  if (Option.isSome(host)) return yield* fromParts(host.value)
  const folder = Option.getOrElse(yield* optional("DATA_DIR"), () => "./data")
  return DatabaseTarget.Sqlite({ filename: join(folder, "whatsapp.db"), variable: "DATA_DIR" })
})

const optional = (name: string) =>
  Config.option(Config.string(name)).pipe(Effect.map(Option.filter((value) => value.trim() !== "")))

const problem = (name: string, text: string) => ConfigError.InvalidData([name], `${name} ${text}`)
const invalid = (name: string, text: string) => Effect.fail(problem(name, text))

// the message never repeats the URL: it may hold the password
const fromUrl = Effect.fnUntraced(function*(text: string) {
  const variable = "DATABASE_URL"
  if (text.startsWith("sqlite:")) {
    const filename = text.slice("sqlite:".length).replace(/^\/\/(?=\/)/, "")
    if (filename === "") return yield* invalid(variable, "names no file: write sqlite:PATH")
    return DatabaseTarget.Sqlite({ filename, variable })
  }
  if (!text.startsWith("mysql://") || !URL.canParse(text)) {
    return yield* invalid(variable, "is not understood: write mysql://user:password@host:3306/name or sqlite:PATH")
  }
  const url = new URL(text)
  const parts = yield* Effect.try({
    try: () => ({
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1))
    }),
    catch: () => problem(variable, "has a '%' that is not followed by two hex digits: write a '%' itself as %25")
  })
  if (url.hostname === "") return yield* invalid(variable, "names no host")
  if (parts.database === "") return yield* invalid(variable, "names no database: it ends in /name")
  for (const option of url.searchParams.keys()) {
    if (option !== "ssl") return yield* invalid(variable, `has an unknown option '${option}'; only ssl=true is known`)
  }
  return DatabaseTarget.Mysql({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 3306 : Number(url.port),
    user: parts.user === "" ? "root" : parts.user,
    password: parts.password === "" ? undefined : Redacted.make(parts.password),
    database: parts.database,
    tls: url.searchParams.get("ssl") === "true",
    variable
  })
})

const fromParts = Effect.fnUntraced(function*(host: string) {
  const port = Option.getOrElse(yield* optional("DB_PORT"), () => "3306")
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    return yield* invalid("DB_PORT", "is not a port: a number from 1 to 65535 is expected")
  }
  const database = yield* optional("DB_NAME")
  if (Option.isNone(database)) return yield* invalid("DB_NAME", "is needed when DB_HOST is set")
  return DatabaseTarget.Mysql({
    host,
    port: Number(port),
    user: Option.getOrElse(yield* optional("DB_USER"), () => "root"),
    password: Option.getOrUndefined(Option.map(yield* optional("DB_PASSWORD"), Redacted.make)),
    database: database.value,
    tls: yield* Config.boolean("DB_SSL").pipe(Config.withDefault(false)),
    variable: "DB_HOST"
  })
})
