import { Effect } from "effect"
import { randomInt } from "node:crypto"
import { WebhookNotVerified } from "../../../domain/Webhook.ts"
import type { CustomHeaders } from "../../../sql/webhooks/Webhooks.ts"
import { requestHeaders } from "../RequestHeaders.ts"
import type { WebhookEgress } from "../WebhookEgress.ts"

/**
 * Asks an endpoint, as Cloud API does, whether it is meant: one that knows the verify token answers with the challenge. What else it
 * answers nobody is shown.
 */
export const handshake = (
  egress: WebhookEgress["Type"],
  { headers, url, verifyToken }: { readonly url: string; readonly headers: CustomHeaders; readonly verifyToken: string }
) =>
  Effect.gen(function*() {
    const challenge = String(randomInt(1_000_000_000, 2_000_000_000))
    const asked = new URL(url)
    for (const [name, value] of [["mode", "subscribe"], ["challenge", challenge], ["verify_token", verifyToken]] as const) {
      asked.searchParams.set(`hub.${name}`, value)
    }
    const answer = yield* egress.send({ url: asked.href, method: "GET", headers: requestHeaders(headers, {}), answerLimit: 1024 }).pipe(
      Effect.mapError(() => new WebhookNotVerified({ field: "url", reason: "unanswered", status: null }))
    )
    const { status } = answer
    if (status !== 200) return yield* new WebhookNotVerified({ field: "url", reason: "status", status })
    if (answer.body.toString("utf8").trim() !== challenge) return yield* new WebhookNotVerified({ field: "url", reason: "challenge", status })
  })
