import { Config, type ConfigError, Effect, Layer, Option, Schedule, Stream, SubscriptionRef } from "effect"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"
import { eachInOrder } from "../eachInOrder.ts"
import { bodyOf } from "../EventBody.ts"
import { Plugins } from "../Plugins.ts"
import { type AmqpLink, AmqpUnavailable, openLink } from "./AmqpLink.ts"
import { beginAtZero, publishedCount, setConnected } from "./AmqpMetrics.ts"
import { AmqpSettings, routingKeyOf } from "./AmqpSettings.ts"

/** Publishes events to an AMQP broker such as RabbitMQ, each once the broker has confirmed those before it in its chat. */
const plugin = Layer.scopedDiscard(Effect.gen(function*() {
  const plugins = yield* Plugins
  const settings = yield* AmqpSettings
  const current = yield* SubscriptionRef.make(Option.none<AmqpLink>())
  yield* beginAtZero

  /** One connection after the other, for as long as this process has the plugin. */
  const stayConnected = Effect.gen(function*() {
    const link = yield* openLink(settings).pipe(
      Effect.tapError((error) => Effect.logWarning("The broker cannot be reached; trying again", error)),
      Effect.retry(reconnect)
    )
    yield* Effect.acquireRelease(
      Effect.zipRight(SubscriptionRef.set(current, Option.some(link)), setConnected(true)),
      () => Effect.zipRight(SubscriptionRef.set(current, Option.none()), setConnected(false))
    )
    yield* Effect.logInfo("Connected to the broker")
    yield* Effect.catchAll(link.closed, (error) => Effect.logWarning("The connection to the broker has ended", error))
  }).pipe(Effect.scoped, Effect.forever)

  const link = current.changes.pipe(
    Stream.filterMap((one) => one),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeoutFail({ duration: patience, onTimeout: () => new AmqpUnavailable({ cause: "there is no connection" }) })
  )

  const publish = Effect.fn("AmqpPlugin.publish")(function*(event: ServiceEvent) {
    const { publish } = yield* link
    const { deviceId, id, sequence, timestamp, type } = event
    const routingKey = routingKeyOf(settings.routingKey, event)
    yield* publish({
      id: String(id),
      type,
      routingKey,
      body: bodyOf(event),
      timestamp: Math.floor(timestamp.epochMillis / 1000),
      headers: { deviceId, sequence }
    }).pipe(
      Effect.tapBoth({
        onSuccess: () => publishedCount("confirmed"),
        onFailure: ({ _tag }) => publishedCount(_tag === "AmqpUnroutable" ? "unroutable" : "failed")
      }),
      Effect.catchIf(
        (error) => error._tag === "AmqpUnroutable" && settings.unroutable === "pass",
        (error) => Effect.logWarning("An event was passed over: no queue takes it", error).pipe(Effect.annotateLogs({ eventId: id }))
      )
    )
  })

  yield* plugins.register({
    name: "amqp",
    events: Option.getOrUndefined(settings.events),
    beginning: "now",
    handle: eachInOrder(publish, { concurrency: chatsAtOnce }),
    work: stayConnected
  })
}))

/** `AMQP_URL`: without it there is no such plugin. */
export const layer: Layer.Layer<never, ConfigError.ConfigError, Plugins> = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("AMQP_URL")), (url) => Option.isNone(url) || url.value === "" ? Layer.empty : plugin)
)

const chatsAtOnce = 64
const patience = "15 seconds"
const reconnect = Schedule.exponential("250 millis").pipe(Schedule.union(Schedule.spaced("30 seconds")), Schedule.jittered)
