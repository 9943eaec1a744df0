import type { Companion } from "../Companion.ts"
import { EmulatedDevice } from "../EmulatedDevice.ts"
import { EmulatorError } from "../EmulatorError.ts"
import type { EmulatorServer } from "../EmulatorServer.ts"
import { node } from "../protocol/node.ts"
import { known } from "./known.ts"
import { BadRequest, type Route, text } from "./Route.ts"

const linked = (server: EmulatorServer, params: Readonly<Record<string, string>>): Companion => {
  const companion = known(server, params.phone).account.companion(Number(params.number))
  if (!companion) throw new EmulatorError("unknown-device", `${params.phone} has no linked device ${params.number}`)
  return companion
}

/** What the server knows of one device of an account, linked or emulated. */
export const deviceRoutes: ReadonlyArray<Route> = [
  ["GET", "/audit", ({ server }) => server.audit()],
  ["GET", "/phones/:phone/devices/:number", ({ params, server }) => {
    const { logins, online, preKeyIds, queue, reusedPreKeyIds, uploads } = linked(server, params)
    return { logins, online, waiting: queue.size, preKeys: preKeyIds.length, uploads, reusedPreKeyIds }
  }],
  ["GET", "/phones/:phone/devices/:number/messages", ({ params, server }) => {
    const device = known(server, params.phone).account.devices.get(Number(params.number))
    if (!(device instanceof EmulatedDevice)) throw new EmulatorError("unknown-device", "that device is not emulated")
    return { messages: device.inbox.entries.map(({ id, text }) => ({ id, text })) }
  }],
  ["POST", "/phones/:phone/devices/:number/pre-keys", ({ body, params, server }) => {
    const companion = linked(server, params)
    if (body.drop === true) companion.dropPreKeys()
    const times = typeof body.times === "number" ? Math.min(body.times, 100) : 1
    for (let time = 0; time < times; time++) companion.askForPreKeys()
    return {}
  }],
  ["POST", "/phones/:phone/devices/:number/app-state", ({ body, params, server }) => {
    const companion = linked(server, params)
    const name = text(body, "collection")
    if (name.length > 64) throw new BadRequest("there is no such collection")
    const attrs = { from: companion.account.jid(), id: `sync-${Date.now()}`, type: "server_sync", t: String(Math.floor(Date.now() / 1000)) }
    companion.deliver(node("notification", attrs, [node("collection", { name, version: "1" })]))
    return {}
  }]
]
