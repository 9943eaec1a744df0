import { EmulatorError } from "../EmulatorError.ts"
import type { EmulatorServer } from "../EmulatorServer.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, type Route, text, textIf } from "./Route.ts"

const prepared = new WeakMap<EmulatorServer, Map<string, () => void>>()
const MAX_PREPARED = 1000
const MAX_TEXT = 16_000_000
const TYPES = ["delivered", "read", "played", "sender"] as const
type Type = (typeof TYPES)[number]
const isType = (type: string): type is Type => TYPES.some((each) => each === type)

/** Messages that come late, twice or far too large, and receipts that come out of turn. */
export const letterRoutes: ReadonlyArray<Route> = [
  ["POST", "/phones/:phone/letters", (call) => {
    const { deliver, id } = phoneOf(call).prepare(text(call.body, "to"), text(call.body, "text"), textIf(call.body, "id"))
    const letters = prepared.get(call.server) ?? new Map<string, () => void>()
    if (letters.size >= MAX_PREPARED) throw new BadRequest("too many letters wait")
    prepared.set(call.server, letters.set(id, deliver))
    return { id }
  }],
  ["POST", "/phones/:phone/letters/:id/deliver", ({ params, server }) => {
    const deliver = prepared.get(server)?.get(params.id ?? "")
    if (!deliver) throw new EmulatorError("unknown-message", `no letter ${params.id}`)
    deliver()
    return {}
  }],
  ["POST", "/phones/:phone/resend", (call) => {
    phoneOf(call).resend(text(call.body, "id"))
    return {}
  }],
  ["POST", "/phones/:phone/long-message", async (call) => {
    const { bytes } = call.body
    if (typeof bytes !== "number" || bytes > MAX_TEXT) throw new BadRequest("bytes must be a number, at most 16000000")
    return { id: await phoneOf(call).send(text(call.body, "to"), "x".repeat(bytes)) }
  }],
  ["POST", "/phones/:phone/renew-sessions", (call) => {
    phoneOf(call).renewSessions(text(call.body, "with"))
    return {}
  }],
  ["POST", "/phones/:phone/receipt", (call) => {
    const type = text(call.body, "type")
    if (!isType(type)) throw new BadRequest(`type must be one of ${TYPES.join(", ")}`)
    phoneOf(call).receipt(text(call.body, "to"), text(call.body, "id"), type === "delivered" ? undefined : type)
    return {}
  }],
  ["GET", "/phones/:phone/status/:id", (call) => ({
    status: phoneOf(call).statusOf(call.params.id ?? "") ?? null
  })]
]
