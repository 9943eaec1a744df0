import { createHmac, randomBytes } from "node:crypto"

const prefix = "whsec_"

/** A secret as the Standard Webhooks specification writes it. */
export const newSecret = (): string => prefix + randomBytes(32).toString("base64")

/** What goes into `webhook-id`: the same for all attempts, no two alike. */
export const newMessageId = (): string => `msg_${randomBytes(16).toString("hex")}`

/**
 * The header of Cloud API, whose app secret the whole text of `secret` stands for. It has room for one signature. The message's id
 * stands beside it, since nothing else in such a body tells one delivery from another.
 */
export const hubSignatureHeaders = (
  { body, messageId, secret }: { readonly messageId: string; readonly body: string; readonly secret: string }
): Readonly<Record<string, string>> => ({
  "webhook-id": messageId,
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`
})

/** The headers of Standard Webhooks 1.0.0, signed with each of the secrets. `seconds` is the time of the attempt. */
export const signatureHeaders = (
  { body, messageId, seconds, secrets }: {
    readonly messageId: string
    readonly seconds: number
    readonly body: string
    readonly secrets: ReadonlyArray<string>
  }
): Readonly<Record<string, string>> => ({
  "webhook-id": messageId,
  "webhook-timestamp": String(seconds),
  "webhook-signature": secrets.map((secret) =>
    `v1,${createHmac("sha256", Buffer.from(secret.slice(prefix.length), "base64")).update(`${messageId}.${seconds}.${body}`).digest("base64")}`
  ).join(" ")
})
