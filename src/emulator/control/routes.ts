import type { EmulatorServer } from "../EmulatorServer.ts"
import { contentOf } from "../messages/contentOf.ts"
import { mediaOf } from "../media/mediaOf.ts"
import type { Content, Phone } from "../Phone.ts"
import { proto } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"
import type { Received } from "../Received.ts"
import { type Breakage, breakages } from "../server/Breakage.ts"
import { deviceRoutes } from "./deviceRoutes.ts"
import { faultOf } from "./faultOf.ts"
import { groupRoutes } from "./groupRoutes.ts"
import { letterRoutes } from "./letterRoutes.ts"
import { mediaRoutes, shownMedium } from "./mediaRoutes.ts"
import { messageRoutes } from "./messageRoutes.ts"
import { personRoutes } from "./personRoutes.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, flagIf, type Route, text, textIf } from "./Route.ts"

const shown = (received: Received, medium = mediaOf(received.message)) => ({
  id: received.id,
  chat: received.chat,
  from: received.from,
  sender: received.sender,
  text: received.text,
  ...contentOf(received.message),
  ...(medium ? { medium: shownMedium(medium) } : {}),
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
  mediaCa: server.mediaCa,
  accounts: server.phones.map(describe),
  connections: server.connections.map(({ id, label }) => ({ id, ...label }))
})

/** Text, or any message in the protobuf's JSON, with bytes in base64. */
const contentIn = (body: Readonly<Record<string, unknown>>): Content => {
  const { message } = body
  if (message === undefined) return text(body, "text")
  if (typeof message !== "object" || message === null) throw new BadRequest("message must be an object")
  return proto.Message.fromObject({ ...message })
}

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
  ["GET", "/audit", ({ server }) => server.audit()],
  ["POST", "/phones", ({ body, server }) => describe(server.phone(text(body, "phone"), textIf(body, "name")))],
  ["GET", "/phones/:phone", (call) => describe(phoneOf(call))],
  ["POST", "/phones/:phone/scan", (call) => phoneOf(call).scan(text(call.body, "qr"))],
  ["POST", "/phones/:phone/pairing-code", (call) => phoneOf(call).enterPairingCode(text(call.body, "code"))],
  ["POST", "/phones/:phone/messages", async (call) => {
    const { body } = call
    const id = textIf(body, "id")
    const options = id === undefined ? {} : { id }
    return { id: await phoneOf(call).send(text(body, "to"), contentIn(body), options) }
  }],
  ["GET", "/phones/:phone/messages", (call) => {
    const { inbox } = phoneOf(call)
    const after = call.query.get("after")
    const start = after === null ? 0 : inbox.findIndex((each) => each.id === after) + 1
    return { messages: inbox.slice(start).map((each) => shown(each)) }
  }],
  ["POST", "/phones/:phone/read", (call) => {
    const id = textIf(call.body, "id")
    phoneOf(call).read(...(id === undefined ? [] : [id]))
    return {}
  }],
  ["POST", "/phones/:phone/auto-reply", (call) => {
    const phone = phoneOf(call)
    const reply = textIf(call.body, "text")
    if (call.body.echo === true) phone.autoReply((received) => received.text)
    else phone.autoReply(reply === undefined ? undefined : () => reply)
    return {}
  }],
  ["POST", "/phones/:phone/receipts", (call) => {
    const phone = phoneOf(call)
    for (const name of ["delivered", "read", "sender"] as const) {
      const given = flagIf(call.body, name)
      if (given !== undefined) phone.receipts = { [name]: given }
    }
    return phone.receipts
  }],
  ["POST", "/phones/:phone/devices", (call) => {
    const { number } = phoneOf(call).addDevice()
    return { number }
  }],
  ["DELETE", "/phones/:phone/devices/:number", (call) => {
    phoneOf(call).unlink(Number(call.params.number))
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
  ...groupRoutes,
  ...mediaRoutes,
  ...messageRoutes,
  ...personRoutes,
  ...letterRoutes,
  ...deviceRoutes
]
