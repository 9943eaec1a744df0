import type { EmulatorServer } from "../EmulatorServer.ts"
import type { Phone } from "../Phone.ts"
import { node } from "../protocol/node.ts"
import type { Received } from "../Received.ts"
import { type Breakage, breakages } from "../server/Breakage.ts"
import { known } from "./known.ts"
import { BadRequest, type Route, text, textIf } from "./Route.ts"
import { deviceRoutes } from "./deviceRoutes.ts"
import { faultOf } from "./faultOf.ts"
import { letterRoutes } from "./letterRoutes.ts"

const shown = (received: Received) => ({
  id: received.id,
  chat: received.chat,
  from: received.from,
  sender: received.sender,
  text: received.text,
  fromMe: received.fromMe,
  at: received.at.toISOString()
})

const describe = (phone: Phone) => ({
  phone: phone.phone,
  jid: phone.jid,
  lid: phone.lid,
  name: phone.name,
  receipts: phone.receipts,
  linked: phone.linked
})

const state = (server: EmulatorServer) => ({
  url: server.url,
  noiseRootKey: server.noiseRootKey,
  accounts: server.phones.map(describe),
  connections: server.connections.map(({ id, label }) => ({ id, ...label }))
})

/** Breaks the stream of a device now, instead of waiting for an occasion. */
const breakNow = (server: EmulatorServer, body: Readonly<Record<string, unknown>>) => {
  const device = typeof body.device === "number" ? body.device : undefined
  const connection = server.connectionOf(text(body, "phone"), device)
  if (body.kind === "stream-error") {
    const conflict = textIf(body, "conflict")
    const code = body.code === undefined ? {} : { code: String(body.code) }
    connection.streamError(code, conflict === undefined ? undefined : node("conflict", { type: conflict }))
    return {}
  }
  const how = text(body, "how")
  if (!(how in breakages)) throw new BadRequest(`how must be one of ${Object.keys(breakages).join(", ")}`)
  connection.break(how as Breakage)
  return {}
}

/** What the control API can do; the path's parts after a colon are parameters. */
export const routes: ReadonlyArray<Route> = [
  ["GET", "/", ({ server }) => state(server)],
  ["GET", "/stats", ({ server }) => ({
    ...server.stats,
    lastUndecryptable: server.undecryptable.slice(-20),
    lastUnknown: server.unknown.slice(-20),
    failures: server.failures.slice(-20).map((error) => error.message)
  })],
  ["POST", "/phones", ({ body, server }) => describe(server.phone(text(body, "phone"), textIf(body, "name")))],
  ["GET", "/phones/:phone", ({ params, server }) => describe(known(server, params.phone))],
  ["POST", "/phones/:phone/scan", ({ body, params, server }) => known(server, params.phone).scan(text(body, "qr"))],
  ["POST", "/phones/:phone/pairing-code", ({ body, params, server }) =>
    known(server, params.phone).enterPairingCode(text(body, "code"))],
  ["POST", "/phones/:phone/messages", async ({ body, params, server }) => {
    const id = textIf(body, "id")
    const options = id === undefined ? {} : { id }
    return { id: await known(server, params.phone).send(text(body, "to"), text(body, "text"), options) }
  }],
  ["GET", "/phones/:phone/messages", ({ params, query, server }) => {
    const { inbox } = known(server, params.phone)
    const after = query.get("after")
    const start = after === null ? 0 : inbox.findIndex((each) => each.id === after) + 1
    return { messages: inbox.slice(start).map(shown) }
  }],
  ["POST", "/phones/:phone/read", ({ body, params, server }) => {
    const id = textIf(body, "id")
    known(server, params.phone).read(...(id === undefined ? [] : [id]))
    return {}
  }],
  ["POST", "/phones/:phone/auto-reply", ({ body, params, server }) => {
    const phone = known(server, params.phone)
    const reply = textIf(body, "text")
    if (body.echo === true) phone.autoReply((received) => received.text)
    else phone.autoReply(reply === undefined ? undefined : () => reply)
    return {}
  }],
  ["POST", "/phones/:phone/receipts", ({ body, params, server }) => {
    const phone = known(server, params.phone)
    const { delivered, read } = body
    phone.receipts = {
      ...(typeof delivered === "boolean" ? { delivered } : {}),
      ...(typeof read === "boolean" ? { read } : {})
    }
    return phone.receipts
  }],
  ["POST", "/phones/:phone/devices", ({ params, server }) => {
    const { number } = known(server, params.phone).addDevice()
    return { number }
  }],
  ["DELETE", "/phones/:phone/devices/:number", ({ params, server }) => {
    known(server, params.phone).unlink(Number(params.number))
    return {}
  }],
  ["GET", "/faults", ({ server }) => ({ faults: server.faults.active })],
  ["POST", "/faults", ({ body, server }) => {
    if (body.kind === "break" || body.kind === "stream-error") return breakNow(server, body)
    const fault = faultOf(body)
    if (typeof fault === "string") throw new BadRequest(fault)
    return { id: server.faults.add(fault).id }
  }],
  ["DELETE", "/faults", ({ server }) => {
    server.faults.clear()
    return {}
  }],
  ...letterRoutes,
  ...deviceRoutes
]
