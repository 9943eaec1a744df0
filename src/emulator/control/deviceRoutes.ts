import type { Companion } from "../Companion.ts"
import { EmulatedDevice } from "../EmulatedDevice.ts"
import { EmulatorError } from "../EmulatorError.ts"
import { node } from "../protocol/node.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, type Call, type Route, text } from "./Route.ts"

const linked = (call: Call): Companion => {
  const { number, phone } = call.params
  const companion = phoneOf(call).account.companion(Number(number))
  if (!companion) throw new EmulatorError("unknown-device", `${phone} has no linked device ${number}`)
  return companion
}

/** What the server knows of one device of an account, linked or emulated. */
export const deviceRoutes: ReadonlyArray<Route> = [
  ["GET", "/phones/:phone/devices/:number", (call) => {
    const { logins, online, preKeyIds, queue, reusedPreKeyIds, uploads } = linked(call)
    return { logins, online, waiting: queue.size, preKeys: preKeyIds.length, uploads, reusedPreKeyIds }
  }],
  ["GET", "/phones/:phone/devices/:number/messages", (call) => {
    const device = phoneOf(call).account.devices.get(Number(call.params.number))
    if (!(device instanceof EmulatedDevice)) throw new EmulatorError("unknown-device", "that device is not emulated")
    return { messages: device.inbox.entries.map(({ id, text }) => ({ id, text })) }
  }],
  ["POST", "/phones/:phone/devices/:number/pre-keys", (call) => {
    const companion = linked(call)
    if (call.body.drop === true) companion.dropPreKeys()
    const times = typeof call.body.times === "number" ? Math.min(call.body.times, 100) : 1
    for (let time = 0; time < times; time++) companion.askForPreKeys()
    return {}
  }],
  ["POST", "/phones/:phone/devices/:number/app-state", (call) => {
    const companion = linked(call)
    const name = text(call.body, "collection")
    if (name.length > 64) throw new BadRequest("there is no such collection")
    const attrs = { from: companion.account.jid(), id: `sync-${Date.now()}`, type: "server_sync", t: String(Math.floor(Date.now() / 1000)) }
    companion.deliver(node("notification", attrs, [node("collection", { name, version: "1" })]))
    return {}
  }]
]
