import { type AuthenticationState, BufferJSON, initAuthCreds, proto, type SignalDataSet, type SignalDataTypeMap } from "@whiskeysockets/baileys"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface BareAuth {
  readonly state: AuthenticationState
  readonly save: () => void
}

/**
 * The cheapest auth state that outlives its process: everything is kept in memory as it was handed over, and written to one
 * file a type when asked to. What a file holds is read when it is missed and not kept.
 */
export const bareAuth = (folder: string): BareAuth => {
  const fresh = new Map<string, Map<string, unknown>>()
  const path = (type: string) => join(folder, `${type}.json`)
  const stored = (type: string): Record<string, string> =>
    existsSync(path(type)) ? JSON.parse(readFileSync(path(type), "utf8")) as Record<string, string> : {}
  const credsFile = path("creds")

  const get = <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
    const known = fresh.get(type)
    const old = ids.every((id) => known?.has(id)) ? {} : stored(type)
    const found: Record<string, SignalDataTypeMap[T]> = {}
    for (const id of ids) {
      const text = old[id]
      if (known?.has(id)) found[id] = known.get(id) as SignalDataTypeMap[T]
      else if (text !== undefined) found[id] = JSON.parse(text, BufferJSON.reviver) as SignalDataTypeMap[T]
      if (type === "app-state-sync-key" && found[id]) {
        found[id] = proto.Message.AppStateSyncKeyData.fromObject(found[id] as object) as unknown as SignalDataTypeMap[T]
      }
    }
    return found
  }

  const set = (data: SignalDataSet) => {
    for (const [type, values] of Object.entries(data)) {
      const known = fresh.get(type) ?? new Map<string, unknown>()
      fresh.set(type, known)
      for (const [id, value] of Object.entries(values ?? {})) known.set(id, value ?? undefined)
    }
  }

  const creds = existsSync(credsFile)
    ? JSON.parse(readFileSync(credsFile, "utf8"), BufferJSON.reviver) as AuthenticationState["creds"]
    : initAuthCreds()

  const save = () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(credsFile, JSON.stringify(creds, BufferJSON.replacer))
    for (const [type, values] of fresh) {
      const all = stored(type)
      for (const [id, value] of values) {
        if (value === undefined) delete all[id]
        else all[id] = JSON.stringify(value, BufferJSON.replacer)
      }
      writeFileSync(path(type), JSON.stringify(all))
    }
  }

  return { state: { creds, keys: { get, set } }, save }
}
