import type { ServerMessage, ServerStatusPayload } from "whatsapp-api-js/types"
import { WhatsAppAPI } from "whatsapp-api-js"
import type { Received, Receiver } from "./receiver.ts"

/** A program that is made for Cloud API, with a library for it, at a path of the receiver: it knows nothing of us. */
export const cloudApiProgram = (receiver: Receiver, path: string, verifyToken: string) => {
  const messages: Array<{ readonly from: string; readonly name: string | undefined; readonly phoneId: string; readonly message: ServerMessage }> = []
  const statuses: Array<Pick<ServerStatusPayload, "errors" | "id" | "status"> & { readonly phone: string }> = []
  const refused: Array<Received> = []
  let sdk: WhatsAppAPI
  /** after the secret is known, or is another one */
  const trust = (appSecret: string) => {
    sdk = new WhatsAppAPI({ v: "v24.0", token: "none", appSecret, webhookVerifyToken: verifyToken })
    sdk.on.message = ({ from, message, name, phoneID }) => void messages.push({ from: from ?? "", name, phoneId: phoneID, message })
    sdk.on.status = ({ error, id, phone, status }) => void statuses.push({ phone: phone ?? "", id, status, ...(error !== undefined && { errors: [error] }) } as never)
  }
  trust("not known yet")

  receiver.answer(path, (response, request) => {
    const take = async () => {
      if (request.method === "GET") {
        const asked = Object.fromEntries(request.query)
        return sdk.get(asked as unknown as Parameters<typeof sdk.get>[0])
      }
      await sdk.post(request.json, request.text, String(request.headers["x-hub-signature-256"]))
      return ""
    }
    take().then((text) => response.writeHead(200, { "content-type": "text/plain" }).end(text), () => {
      refused.push(request)
      response.writeHead(403).end()
    })
  })
  return { messages, refused, statuses, trust, url: receiver.url(path), requests: () => receiver.at(path) }
}
