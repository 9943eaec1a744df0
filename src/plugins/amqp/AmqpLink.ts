import { Data, Deferred, Effect, Redacted, type Scope } from "effect"
import type { AmqpSettings } from "./AmqpSettings.ts"

/** There is no broker, or it does not let us in, or the connection to it has ended. */
export class AmqpUnavailable extends Data.TaggedError("AmqpUnavailable")<{ readonly cause: unknown }> {
  override get message() {
    return `The broker cannot be used: ${this.cause instanceof Error ? this.cause.message || this.cause.name : String(this.cause)}`
  }
}

/** The broker has the message, and no queue that takes it. */
export class AmqpUnroutable extends Data.TaggedError("AmqpUnroutable")<{ readonly routingKey: string }> {
  override get message() {
    return `No queue is bound that takes ${this.routingKey}.`
  }
}

export interface AmqpMessage {
  readonly id: string
  readonly type: string
  readonly routingKey: string
  readonly body: string
  /** seconds since 1970 */
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string | number>>
}

/** One connection to the broker, with one channel. */
export interface AmqpLink {
  /** Done once the broker has confirmed that it has the message in a queue. */
  readonly publish: (message: AmqpMessage) => Effect.Effect<void, AmqpUnavailable | AmqpUnroutable>
  /** Ends with the connection, and with why. */
  readonly closed: Effect.Effect<never, AmqpUnavailable>
}

/** Connects and declares the exchange. The library is loaded here: who has no broker does without. */
export const openLink = ({ exchange, url }: AmqpSettings): Effect.Effect<AmqpLink, AmqpUnavailable, Scope.Scope> =>
  Effect.gen(function*() {
    const { connect } = yield* attempt(() => import("amqplib"))
    const ended = yield* Deferred.make<never, AmqpUnavailable>()
    const end = (cause: unknown) => Deferred.unsafeDone(ended, new AmqpUnavailable({ cause }))
    const connection = yield* Effect.acquireRelease(
      attempt(() => connect(Redacted.value(url), { timeout: connectTimeout, clientProperties: { connection_name: "whatsapp-service" } })),
      // one that is gone already says so; there is nothing left to close
      (opened) => Effect.ignore(Effect.timeout(attempt(() => opened.close()), "2 seconds"))
    )
    connection.on("error", end).on("close", end)
    const channel = yield* attempt(() => connection.createConfirmChannel())
    const returned = new Set<string>()
    channel.on("error", end).on("close", end).on("return", ({ properties }: { readonly properties: { readonly messageId?: string } }) =>
      void returned.add(String(properties.messageId)))
    yield* attempt(() => channel.assertExchange(exchange, "topic", { durable: true }))

    const publish = ({ body, headers, id, routingKey, timestamp, type }: AmqpMessage) =>
      Effect.async<void, AmqpUnavailable | AmqpUnroutable>((resume) => {
        const properties = {
          mandatory: true, persistent: true, contentType: "application/json", appId: "whatsapp-service", messageId: id, type, timestamp, headers
        }
        try {
          // what does not fit into the socket is kept by the library: no more than is in a plugin's hands at once
          channel.publish(exchange, routingKey, Buffer.from(body), properties, (error: unknown) => {
            // the broker returns a message before it confirms it
            const isReturned = returned.delete(id)
            if (error !== null && error !== undefined) resume(new AmqpUnavailable({ cause: error }))
            else resume(isReturned ? new AmqpUnroutable({ routingKey }) : Effect.void)
          })
        } catch (cause) {
          resume(new AmqpUnavailable({ cause }))
        }
      })

    const closed = Deferred.await(ended)
    return { closed, publish: (message) => Effect.raceFirst(publish(message), closed) }
  })

const attempt = <A>(make: () => PromiseLike<A>) =>
  Effect.tryPromise({ try: async () => make(), catch: (cause) => new AmqpUnavailable({ cause }) })

/** Milliseconds. */
const connectTimeout = 10_000
