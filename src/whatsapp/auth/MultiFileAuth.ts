import { type AuthenticationCreds, BufferJSON } from "@whiskeysockets/baileys"
import { Effect, Schema } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { type Jid, userOf } from "../../domain/Jid.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { AuthMutation } from "./AuthRows.ts"
import { identityOf, isPaired } from "../socket/BaileysSocket.ts"

/** The folder cannot be taken over; `reason` is one line for a person. */
export class SessionUnreadable extends Schema.TaggedError<SessionUnreadable>()("SessionUnreadable", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export interface MultiFileSession {
  readonly identity: { readonly jid: Jid; readonly lid: Jid | null; readonly phone: PhoneNumber; readonly pushName: string | null }
  readonly rows: ReadonlyArray<AuthMutation>
  /** rows by type */
  readonly counts: Readonly<Record<string, number>>
  /** files that are none of Baileys' */
  readonly ignored: ReadonlyArray<string>
}

/** The types of keys, as `useMultiFileAuthState` begins file names with them; the longer of two that begin alike comes first. */
const types = [
  "app-state-sync-version", "app-state-sync-key", "sender-key-memory", "sender-key", "identity-key", "device-list",
  "lid-mapping", "pre-key", "session", "tctoken"
]
const atOnce = 32

/**
 * Reads what Baileys' `useMultiFileAuthState` has written into a folder. It puts `__` for `/` and `-` for `:` into file names;
 * `/` occurs in the base64 ids of app-state keys alone, and `:` in `group::sender::device` of sender keys alone.
 */
export const readMultiFileSession = Effect.fnUntraced(function*(folder: string) {
  const names = yield* attempt("the folder", () => readdir(folder))
  if (!names.includes("creds.json")) return yield* new SessionUnreadable({ reason: "there is no creds.json" })
  const creds: AuthenticationCreds = yield* readJson(folder, "creds.json")
  if (typeof creds !== "object" || creds === null || !isWhole(creds)) {
    return yield* new SessionUnreadable({ reason: "creds.json is not whole: keys are missing in it" })
  }
  if (!isPaired(creds)) return yield* new SessionUnreadable({ reason: "it was never paired to the end" })
  const { jid, lid, pushName } = identityOf(creds)
  const phone = yield* Schema.decode(PhoneNumber)(userOf(jid)).pipe(
    Effect.mapError(() => new SessionUnreadable({ reason: "creds.json names no phone number" }))
  )

  const files = names.flatMap((name) => keyOf(name) ?? [])
  const keys = yield* Effect.forEach(
    files,
    ({ id, name, type }) => Effect.map(readJson(folder, name), (value) => ({ type, id, value: serialise(value) })),
    { concurrency: atOnce }
  )
  const known = new Set(["creds.json", ...files.map(({ name }) => name)])
  const session: MultiFileSession = {
    identity: { jid, lid, phone, pushName },
    rows: [{ type: "creds", id: "", value: serialise(creds) }, ...keys],
    counts: Object.fromEntries(types.map((type) => [type, files.filter((file) => file.type === type).length])),
    ignored: names.filter((name) => !known.has(name))
  }
  return session
})

const isWhole = (creds: AuthenticationCreds): boolean =>
  [creds.noiseKey, creds.signedIdentityKey, creds.signedPreKey?.keyPair].every((pair) => pair?.private instanceof Uint8Array) &&
  typeof creds.advSecretKey === "string" && Number.isInteger(creds.registrationId)

const keyOf = (name: string): { readonly type: string; readonly id: string; readonly name: string } | undefined => {
  const type = types.find((each) => name.startsWith(`${each}-`))
  if (type === undefined || !name.endsWith(".json")) return undefined
  const escaped = name.slice(type.length + 1, -".json".length)
  return escaped === "" ? undefined : { type, id: unescaped(type, escaped), name }
}

const unescaped = (type: string, id: string): string => {
  if (type === "app-state-sync-key") return id.replaceAll("__", "/")
  // a group's own id may hold a dash
  return type === "sender-key" ? id.replace(/^(.+)--(.+?)--(\d+)$/, "$1::$2::$3") : id
}

const attempt = <A>(what: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: () => new SessionUnreadable({ reason: `${what} cannot be read` }) })

// what the parser says of it shows what is in it
const readJson = (folder: string, name: string) =>
  Effect.flatMap(attempt(name, () => readFile(join(folder, name), "utf8")), (text) =>
    Effect.try({
      try: () => JSON.parse(text, BufferJSON.reviver),
      catch: () => new SessionUnreadable({ reason: `${name} is damaged: it is not JSON` })
    }))

const serialise = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value, BufferJSON.replacer))
