import { Console, Effect, Option, Schema } from "effect"
import { readdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { DeviceId } from "../domain/DeviceId.ts"
import type { UserId } from "../domain/User.ts"
import { UserDirectory } from "../sql/accounts/UserDirectory.ts"
import { Users } from "../sql/accounts/Users.ts"
import { type MultiFileSession, readMultiFileSession } from "../whatsapp/auth/MultiFileAuth.ts"
import { readOptions, UsageError } from "./Arguments.ts"
import { ImportServices } from "./Services.ts"
import { makeSessionImport } from "./SessionImport.ts"

const prefix = "auth_info_baileys_"
const usage = "import-sessions DIR [--owner E]: DIR holds the folders auth_info_baileys_<deviceId>"

const foldersIn = (directory: string) =>
  Effect.tryPromise({
    try: async () => {
      const entries = await readdir(directory, { withFileTypes: true })
      return entries.filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix)).map(({ name }) => name).toSorted()
    },
    catch: () => new UsageError({ problem: `${directory} cannot be read` })
  })

const ownerNamed = Effect.fnUntraced(function*(email: string | undefined) {
  if (email === undefined) {
    const admin = yield* Effect.flatMap(UserDirectory, ({ firstAdmin }) => firstAdmin)
    return Option.isSome(admin)
      ? admin.value
      : yield* new UsageError({ problem: "there is no administrator yet: start the service once, or run create-admin" })
  }
  const found = yield* Effect.flatMap(Users, (users) => users.credentials(email))
  return Option.isSome(found) ? found.value.user : yield* new UsageError({ problem: `--owner: there is no user ${email}` })
})

/** `+6281… (30 pre-key, 4 session)` */
const described = ({ counts, identity, ignored }: MultiFileSession) => {
  const kinds = Object.entries(counts).filter(([, count]) => count > 0).map(([type, count]) => `${count} ${type}`)
  return `+${identity.phone} (${kinds.join(", ")})${ignored.length === 0 ? "" : `; ${ignored.length} files are none of Baileys' and were left`}`
}

const importOne = Effect.fnUntraced(function*(directory: string, name: string, owner: UserId) {
  const into = yield* makeSessionImport
  const deviceId = yield* Schema.decode(DeviceId)(name.slice(prefix.length)).pipe(
    Effect.mapError(() => new UsageError({ problem: "what follows auth_info_baileys_ is not a device id" }))
  )
  const session = yield* readMultiFileSession(join(directory, name))
  const outcome = yield* into(deviceId, owner, session)
  return outcome === "imported"
    ? `imported: ${described(session)}`
    : "left as it is: the service has this device's session, and it is newer"
})

/**
 * `import-sessions DIR [--owner E]`: takes over what Baileys' multi-file auth state has stored, so that nobody has to pair
 * again. It may be run again: what the service has stays. One device's trouble does not keep the others.
 */
export const importSessions = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const [given, ...rest] = args
  if (given === undefined || given.startsWith("-")) return yield* new UsageError({ problem: usage })
  const options = yield* readOptions(rest, ["owner"])
  const directory = resolve(given)
  const names = yield* foldersIn(directory)
  if (names.length === 0) return yield* new UsageError({ problem: `${directory} holds no folder ${prefix}<deviceId>` })

  const failed = yield* Effect.gen(function*() {
    const owner = yield* ownerNamed(options.owner)
    yield* Console.log(`Sessions in ${directory}; new devices will belong to ${owner.email}. The program that wrote them must be stopped.`)
    return yield* Effect.reduce(names, 0, (count, name) =>
      importOne(directory, name, owner.id).pipe(
        Effect.matchEffect({
          onSuccess: (line) => Effect.as(Console.log(`${name}: ${line}`), count),
          onFailure: (error) => Effect.as(Console.log(`${name}: refused: ${error.message}`), count + 1)
        })
      ))
  }).pipe(Effect.provide(ImportServices))
  if (failed > 0) return yield* new UsageError({ problem: `${failed} of ${names.length} sessions were not taken over` })
})
