import { Config, Context, Effect, Layer } from "effect"
import { WebhookUrlRefused } from "../../domain/Webhook.ts"
import { type FetchFailed, type GuardedAnswer, type GuardedRequest, type Lookup, makeGuardedFetch } from "../../egress/GuardedFetch.ts"

/**
 * How webhooks reach the world: over TLS and to public addresses, unless `WEBHOOK_ALLOW_PRIVATE` says that they may go
 * anywhere, which also allows plain HTTP.
 */
export class WebhookEgress extends Context.Tag("whatsapp-service/WebhookEgress")<WebhookEgress, {
  /** Whether an endpoint may have this address, as far as one can tell now; it is checked again at each connection. */
  readonly check: (url: string) => Effect.Effect<void, WebhookUrlRefused>
  readonly send: (request: GuardedRequest) => Effect.Effect<GuardedAnswer, FetchFailed>
}>() {
  static readonly layerWith = (options: { readonly lookup?: Lookup; readonly tls?: { readonly ca?: string } }) =>
    Layer.scoped(
      WebhookEgress,
      Effect.gen(function*() {
        const allowPrivate = yield* Config.boolean("WEBHOOK_ALLOW_PRIVATE").pipe(Config.withDefault(false))
        const guarded = yield* makeGuardedFetch({ allowPrivate, ...options })
        return WebhookEgress.of({
          check: Effect.fn("WebhookEgress.check")(function*(text: string) {
            const url = new URL(text)
            if (url.protocol !== "https:" && !allowPrivate) return yield* refuse("https_needed")
            yield* Effect.mapError(guarded.check(url), ({ reason }) =>
              refuse(reason === "private_address" ? "private_address" : "unknown_host"))
          }),
          send: guarded.send
        })
      })
    )
  static readonly layer = this.layerWith({})
}

const refuse = (reason: WebhookUrlRefused["reason"]) => new WebhookUrlRefused({ field: "url", reason })
