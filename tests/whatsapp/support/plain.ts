import { initAuthCreds, makeWASocket, type SignalDataTypeMap, type UserFacingSocketConfig, type WASocket } from "@whiskeysockets/baileys"
import { setTimeout } from "node:timers/promises"
import type { EmulatorServer } from "../../../src/emulator/EmulatorServer.ts"
import { phone } from "./device.ts"
import { silent } from "./party.ts"

export type Config = Partial<UserFacingSocketConfig>

/** Auth state that is written at once. */
export const memory = () => {
  const stored = new Map<string, unknown>()
  return {
    creds: initAuthCreds(),
    keys: {
      get: <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
        const found: { [id: string]: SignalDataTypeMap[T] } = {}
        for (const id of ids) {
          const value = stored.get(`${type}|${id}`)
          if (value !== undefined) found[id] = structuredClone(value) as SignalDataTypeMap[T]
        }
        return found
      },
      set: (data: object) => {
        for (const [type, values] of Object.entries(data)) {
          for (const [id, value] of Object.entries(values)) stored.set(`${type}|${id}`, value ?? undefined)
        }
      }
    }
  }
}
export type Memory = ReturnType<typeof memory>

export const closed = (sock: WASocket) =>
  new Promise<unknown>((resolve) => {
    sock.ev.on("connection.update", ({ connection, lastDisconnect }) => {
      if (connection === "close") resolve(lastDisconnect?.error)
    })
  })

/** Unmodified Baileys as a client of an emulated server. */
export const plainOn = (server: () => EmulatorServer) => {
  const socket = (auth: Memory, config: Config = {}) =>
    makeWASocket({ auth, waWebSocketUrl: server().url, logger: silent, ...config } as UserFacingSocketConfig)
  const paired = async () => {
    const auth = memory()
    const pairing = socket(auth)
    const over = closed(pairing)
    pairing.ev.on("connection.update", ({ qr }) => {
      if (qr !== undefined) void server().phone(phone).scan(qr)
    })
    await over
    return auth
  }
  const open = async (auth: Memory, config: Config = {}) => {
    const sock = socket(auth, config)
    await sock.waitForConnectionUpdate(async ({ connection }) => connection === "open")
    return sock
  }
  return { socket, paired, open, online: async (config: Config = {}) => open(await paired(), config) }
}

export const never = Symbol("never")
export const soon = (promise: Promise<unknown>, millis: number) => Promise.race([promise, setTimeout(millis, never)])
