import { Cause, Clock, Context, Effect, Layer, Metric, Ref, Schedule, type Scope, Stream } from "effect"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { EventLog } from "../sql/events/EventLog.ts"
import { PluginCursors } from "../sql/events/PluginCursors.ts"
import type { Plugin, PluginStatus } from "./Plugin.ts"

/** The plugins of this process. Each has its own cursor and its own fibers: none waits for another. */
export class Plugins extends Context.Tag("whatsapp-service/Plugins")<Plugins, {
  /** Runs the plugin, in this process or in whichever has it, until the scope closes. A name that is taken is a defect. */
  readonly register: (plugin: Plugin) => Effect.Effect<void, never, Scope.Scope>
  readonly status: Effect.Effect<ReadonlyArray<PluginStatus>>
  /** The oldest event that one of them still needs, undefined if there is none. */
  readonly needs: Effect.Effect<number | undefined, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Plugins,
    Effect.gen(function*() {
      const log = yield* EventLog
      const cursors = yield* PluginCursors
      const registered = yield* Ref.make<ReadonlyMap<string, { readonly plugin: Plugin; readonly status: PluginStatus }>>(new Map())

      const change = (name: string, changes: Partial<PluginStatus>) =>
        Ref.update(registered, (all) => {
          const entry = all.get(name)
          return entry === undefined ? all : new Map(all).set(name, { ...entry, status: { ...entry.status, ...changes } })
        })

      const register = Effect.fn("Plugins.register")(function*(plugin: Plugin) {
        const { name } = plugin
        const status: PluginStatus = { name, runsHere: false, passed: undefined, trouble: undefined }
        if ((yield* Ref.get(registered)).has(name)) return yield* Effect.dieMessage(`two plugins have the name ${name}`)
        yield* Effect.acquireRelease(
          Ref.update(registered, (all) => new Map(all).set(name, { plugin, status })),
          () => Ref.update(registered, (all) => new Map([...all].filter(([other]) => other !== name)))
        )
        const handled = Metric.tagged(eventsHandled, "plugin", name)
        const lag = Metric.tagged(eventsBehind, "plugin", name)
        const inTrouble = Metric.tagged(troubled, "plugin", name)
        yield* Effect.all([Metric.update(handled, 0), Metric.set(lag, 0), Metric.set(inTrouble, 0)])

        /** Hands the events over, however often it takes. */
        const handOver = (events: Parameters<Plugin["handle"]>[0]) =>
          Effect.suspend(() => plugin.handle(events)).pipe(
            Effect.timeout(patience),
            Effect.sandbox,
            Effect.tapError((cause) =>
              Effect.gen(function*() {
                const now = yield* Clock.currentTimeMillis
                const before = (yield* Ref.get(registered)).get(name)?.status.trouble
                yield* change(name, { trouble: { since: before?.since ?? now, message: messageOf(cause) } })
                yield* Metric.set(inTrouble, 1)
                if (before === undefined) yield* Effect.logWarning("A plugin failed; it gets the same events again", cause)
              })
            ),
            Effect.retry(again),
            Effect.orDie,
            Effect.zipRight(Effect.all([change(name, { trouble: undefined }), Metric.set(inTrouble, 0), Metric.update(handled, events.length)])),
            Effect.annotateLogs({ plugin: name })
          )

        /** From the cursor on, for as long as this process has the plugin. */
        const follow = (from: number) =>
          Effect.gen(function*() {
            const passed = yield* Ref.make(from)
            const saved = yield* Ref.make({ passed: from, at: 0 })
            const save = Effect.gen(function*() {
              const at = yield* Ref.get(passed)
              if (at === (yield* Ref.get(saved)).passed) return true
              if (!(yield* cursors.advance(name, at))) return false
              yield* Ref.set(saved, { passed: at, at: yield* Clock.currentTimeMillis })
              return true
            })
            /** Of events that did not concern it, or do no harm a second time, the cursor tells once a second. */
            const saveIfDue = Effect.gen(function*() {
              return (yield* Clock.currentTimeMillis) - (yield* Ref.get(saved)).at < saveEvery || (yield* save)
            })
            const page = Effect.gen(function*() {
              const latest = yield* log.latest
              const after = yield* Ref.get(passed)
              if (latest <= after) return (yield* saveIfDue) ? "read" as const : "lost" as const
              const events = yield* log.after({ after, types: plugin.events, limit: pageSize })
              if (events.length > 0) yield* handOver(events)
              const isFull = events.length === pageSize
              const reached = isFull ? events.at(-1)!.id : Math.max(latest, events.at(-1)?.id ?? 0)
              yield* Ref.set(passed, reached)
              yield* change(name, { passed: reached })
              yield* Metric.set(lag, Math.max(0, latest - reached))
              const isOurs = yield* plugin.repeatable === true || events.length === 0 ? saveIfDue : save
              return !isOurs ? "lost" as const : isFull ? "more" as const : "read" as const
            })
            yield* Effect.addFinalizer(() => Effect.ignoreLogged(save))
            yield* log.changes.pipe(
              Stream.mapEffect(() => Effect.repeat(page, { while: (state) => state === "more" })),
              Stream.takeUntil((state) => state === "lost"),
              Stream.runDrain
            )
          })

        const work = plugin.work === undefined
          ? Effect.never
          : Effect.scoped(plugin.work).pipe(
            Effect.catchAllCause((cause) =>
              Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.logError("A plugin's work failed; it begins again", cause)
            ),
            Effect.repeat(again),
            Effect.zipRight(Effect.never),
            Effect.annotateLogs({ plugin: name })
          )
        const lost = cursors.holds(name).pipe(
          // a database that is away tells nothing; the lease of whoever cannot reach it ends by itself
          Effect.orElseSucceed(() => true),
          Effect.repeat({ schedule: Schedule.spaced(lookEvery), until: (held) => !held })
        )

        const term = Effect.gen(function*() {
          const from = yield* cursors.take(name, plugin.beginning)
          if (from === undefined) return
          yield* change(name, { runsHere: true, passed: from })
          yield* Effect.addFinalizer(() =>
            Effect.zipRight(change(name, { runsHere: false, passed: undefined, trouble: undefined }), Effect.ignoreLogged(cursors.give(name))))
          yield* Effect.raceAll([Effect.scoped(follow(from)), work, lost])
        }).pipe(Effect.scoped)

        yield* term.pipe(
          Effect.tapErrorCause((cause) => Effect.logWarning("A plugin could not go on; trying again", cause)),
          Effect.catchAllCause(() => Effect.void),
          Effect.repeat(Schedule.spaced(lookEvery)),
          Effect.annotateLogs({ plugin: name }),
          Effect.forkScoped
        )
      })

      return Plugins.of({
        register,
        status: Effect.map(Ref.get(registered), (all) => [...all.values()].map(({ status }) => status)),
        needs: Effect.gen(function*() {
          const all = yield* Ref.get(registered)
          const passed = yield* cursors.slowest([...all.keys()])
          const needed = yield* Effect.forEach(all.values(), ({ plugin }) => plugin.needs ?? Effect.succeed(undefined))
          const oldest = [passed === undefined ? undefined : passed + 1, ...needed].filter((id) => id !== undefined)
          return oldest.length === 0 ? undefined : Math.min(...oldest)
        })
      })
    })
  )
}

const pageSize = 200
const patience = "5 minutes"
/** how soon another process takes over, and this one sees that it has lost a plugin */
const lookEvery = "2 seconds"
/** milliseconds */
const saveEvery = 1000
const again = Schedule.exponential("250 millis").pipe(Schedule.union(Schedule.spaced("30 seconds")), Schedule.jittered)

const eventsHandled = Metric.counter("whatsapp_plugin_events_total", {
  description: "Events that a plugin is done with, in this process",
  incremental: true
})
const eventsBehind = Metric.gauge("whatsapp_plugin_lag_events", { description: "Events of the log that a plugin has not come to yet" })
const troubled = Metric.gauge("whatsapp_plugin_in_trouble", { description: "1 while a plugin fails at the events that it is at" })

const messageOf = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return (error instanceof Error ? error.message : String(error)).slice(0, 300)
}
