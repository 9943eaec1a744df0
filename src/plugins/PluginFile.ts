import { Config, ConfigError, Effect, Layer, Metric, Schema } from "effect"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { EventType, type ServiceEvent } from "../domain/ServiceEvent.ts"
import { eachInOrder } from "./eachInOrder.ts"
import { Plugins } from "./Plugins.ts"

/** An event as plugins from files get it: plain JSON. */
export interface PlainEvent {
  readonly id: number
  readonly type: EventType
  readonly version: number
  readonly deviceId: string
  readonly userId: number
  readonly sequence: number
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>>
}

/** What the running plugin answers to. */
export interface StartedPlugin {
  /** Called for one event after the other in each chat; one that rejects comes again. `signal` ends it at the stop. */
  readonly handle: (event: PlainEvent, signal: AbortSignal) => Promise<void> | void
  /** at the stop */
  readonly stop?: () => Promise<void> | void
}

/** What a file's default export makes, from the parts of the library that it may need. */
export interface PluginFile<Settings> {
  readonly name: string
  readonly events?: ReadonlyArray<EventType>
  readonly beginning?: "now" | "oldest"
  readonly config?: Config.Config<Settings>
  readonly start: (host: {
    readonly config: Settings
    readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void
    /** a figure in /metrics, `whatsapp_plugin_custom_total{plugin,name}` */
    readonly count: (name: string) => void
  }) => Promise<StartedPlugin> | StartedPlugin
}

const Shape = Schema.Struct({
  name: Schema.String.pipe(Schema.pattern(/^[a-z][a-z0-9-]{0,63}$/)),
  events: Schema.optional(Schema.NonEmptyArray(EventType)),
  beginning: Schema.optional(Schema.Literal("now", "oldest")),
  config: Schema.optional(Schema.declare(Config.isConfig)),
  start: Schema.declare((input): input is PluginFile<unknown>["start"] => typeof input === "function")
})
const Started = Schema.Struct({
  handle: Schema.declare((input): input is StartedPlugin["handle"] => typeof input === "function"),
  stop: Schema.optional(Schema.declare((input): input is NonNullable<StartedPlugin["stop"]> => typeof input === "function"))
})
const Module = Schema.Struct({ default: Schema.declare((input): input is (toolkit: unknown) => unknown => typeof input === "function") })

const toolkit = { Config }
const encodeTimestamp = Schema.encodeSync(Schema.DateTimeUtc)
const counted = Metric.counter("whatsapp_plugin_custom_total", { description: "What plugins from files count", incremental: true })

const broken = (path: string) => (cause: unknown) =>
  ConfigError.InvalidData(["PLUGINS"], `${path} is no plugin: ${cause instanceof Error ? cause.message : String(cause)}`)

/** One plugin from a file. */
const load = (path: string) =>
  Layer.scopedDiscard(Effect.gen(function*() {
    const plugins = yield* Plugins
    const orBroken = Effect.mapError(broken(path))
    const module = yield* Effect.tryPromise({ try: (): Promise<unknown> => import(pathToFileURL(resolve(path)).href), catch: (error) => error }).pipe(
      Effect.flatMap(Schema.decodeUnknown(Module)),
      orBroken
    )
    const made = yield* Effect.try({ try: () => module.default(toolkit), catch: (error) => error }).pipe(orBroken)
    const plugin = yield* Schema.decodeUnknown(Shape)(made).pipe(orBroken)
    const { name } = plugin
    const config: unknown = plugin.config === undefined ? undefined : yield* plugin.config
    const run = yield* Effect.runtime()
    const host = {
      config,
      log: (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
        void Effect.runFork(Effect.logInfo(message).pipe(Effect.annotateLogs({ ...fields, plugin: name }), Effect.provide(run))),
      count: (what: string) => void Effect.runSync(Metric.update(counted.pipe(Metric.tagged("plugin", name), Metric.tagged("name", what.slice(0, 64))), 1))
    }
    const started = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: async () => plugin.start(host), catch: (error) => error }).pipe(
        Effect.flatMap(Schema.decodeUnknown(Started)),
        orBroken
      ),
      ({ stop }) => Effect.ignoreLogged(Effect.tryPromise(async () => stop?.()))
    )
    yield* plugins.register({
      name,
      events: plugin.events,
      beginning: plugin.beginning ?? "now",
      handle: eachInOrder((event) =>
        Effect.tryPromise({ try: async (signal) => started.handle(plain(event), signal), catch: (error) => error }))
    })
    yield* Effect.logInfo("A plugin has been loaded").pipe(Effect.annotateLogs({ plugin: name }))
  }))

const plain = ({ data, deviceId, id, sequence, timestamp, type, userId, version }: ServiceEvent): PlainEvent => ({
  id, type, version, deviceId, userId, sequence, timestamp: encodeTimestamp(timestamp), data
})

/** `PLUGINS`: paths of files whose default export makes a plugin, comma-separated. */
export const layer = Layer.unwrapEffect(
  Config.string("PLUGINS").pipe(
    Config.withDefault(""),
    Effect.map((paths) =>
      paths.split(",").map((path) => path.trim()).filter((path) => path !== "").map(load)
        .reduce((all, one) => Layer.merge(all, one), Layer.empty as Layer.Layer<never, ConfigError.ConfigError, Plugins>)
    )
  )
)
