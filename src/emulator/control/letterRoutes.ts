import { EmulatorError } from "../EmulatorError.ts"
import type { EmulatorServer } from "../EmulatorServer.ts"
import { known } from "./known.ts"
import { BadRequest, type Route, text, textIf } from "./Route.ts"

const prepared = new WeakMap<EmulatorServer, Map<string, () => void>>()
const MAX_PREPARED = 1000
const MAX_TEXT = 16_000_000
const TYPES = ["delivered", "read", "played", "sender"] as const
type Type = (typeof TYPES)[number]
const isType = (type: string): type is Type => TYPES.some((each) => each === type)

/** Messages that come late, twice or far too large, and receipts that come out of turn. */
export const letterRoutes: ReadonlyArray<Route> = [
  ["POST", "/phones/:phone/letters", ({ body, params, server }) => {
    const { deliver, id } = known(server, params.phone).prepare(text(body, "to"), text(body, "text"), textIf(body, "id"))
    const letters = prepared.get(server) ?? new Map<string, () => void>()
    if (letters.size >= MAX_PREPARED) throw new BadRequest("too many letters wait")
    prepared.set(server, letters.set(id, deliver))
    return { id }
  }],
  ["POST", "/phones/:phone/letters/:id/deliver", ({ params, server }) => {
    const deliver = prepared.get(server)?.get(params.id ?? "")
    if (!deliver) throw new EmulatorError("unknown-message", `no letter ${params.id}`)
    deliver()
    return {}
  }],
  ["POST", "/phones/:phone/resend", ({ body, params, server }) => {
    known(server, params.phone).resend(text(body, "id"))
    return {}
  }],
  ["POST", "/phones/:phone/long-message", async ({ body, params, server }) => {
    const { bytes } = body
    if (typeof bytes !== "number" || bytes > MAX_TEXT) throw new BadRequest("bytes must be a number, at most 16000000")
    return { id: await known(server, params.phone).send(text(body, "to"), "x".repeat(bytes)) }
  }],
  ["POST", "/phones/:phone/renew-sessions", ({ body, params, server }) => {
    known(server, params.phone).renewSessions(text(body, "with"))
    return {}
  }],
  ["POST", "/phones/:phone/receipt", ({ body, params, server }) => {
    const type = text(body, "type")
    if (!isType(type)) throw new BadRequest(`type must be one of ${TYPES.join(", ")}`)
    known(server, params.phone).receipt(text(body, "to"), text(body, "id"), type === "delivered" ? undefined : type)
    return {}
  }],
  ["GET", "/phones/:phone/status/:id", ({ params, server }) => ({
    status: known(server, params.phone).statusOf(params.id ?? "") ?? null
  })]
]
