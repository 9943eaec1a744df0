import { onTestFinished } from "vitest"
import type { UserFacingSocketConfig } from "@whiskeysockets/baileys"
import type { EmulatorOptions } from "../../src/emulator/EmulatorOptions.ts"
import { startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { Client, linkedTo } from "./client.ts"
import { WireClient } from "./wire.ts"

export const SITI = "6281234567890"
export const BUDI = "6281200000001"
export const ANI = "6281200000002"

/** A server for one test, with three people; it must end without anything it did not understand. */
export const world = async (options: EmulatorOptions = {}) => {
  const server = await startEmulator(options)
  const clients: Array<{ readonly close: () => Promise<void> | void }> = []
  onTestFinished(async () => {
    await Promise.allSettled(clients.map(async (client) => client.close()))
    await server.stop()
  })
  const keep = (client: Client): Client => {
    clients.push(client)
    return client
  }
  return {
    server,
    siti: server.phone(SITI, "Siti"),
    budi: server.phone(BUDI, "Budi"),
    ani: server.phone(ANI, "Ani"),
    keep,
    /** A raw client, logged in as the Baileys client was. */
    wire: async (client: Client): Promise<WireClient> => {
      const wire = new WireClient(server.url)
      clients.push(wire)
      return wire.login(client.auth, server.noiseRootKey)
    },
    connect: (config: Partial<UserFacingSocketConfig> = {}) => keep(new Client(server.url, { config })),
    link: async (number = SITI, config: Partial<UserFacingSocketConfig> = {}) =>
      keep(await linkedTo(server, server.phone(number), config))
  }
}
