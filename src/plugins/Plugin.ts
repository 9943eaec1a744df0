import type { Effect, Scope } from "effect"
import type { EventType, ServiceEvent } from "../domain/ServiceEvent.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import type { Beginning } from "../sql/events/PluginCursors.ts"

/**
 * Something that takes part in what happens, such as webhooks or a sink of one's own. A plugin is a layer that registers itself
 * with `Plugins`, once it has read its own configuration.
 *
 * It is handed the events in the order of the log. How far it is stands in the database: what it has not been done with when
 * the process ends comes again, in this process or in another one. So each event is handed over at least once, and after
 * an unfortunate end more than once. Of several processes on one database one runs the plugin.
 */
export interface Plugin {
  /** names its cursor: one that changes begins anew */
  readonly name: string
  /** only events of these types; undefined: all, also those that later versions add */
  readonly events?: ReadonlyArray<EventType> | undefined
  readonly beginning: Beginning
  /**
   * Takes up to 200 events. If it fails, dies or takes longer than five minutes, the same events come again, after a
   * while: it passes over an event by succeeding. `eachInOrder` makes one from a handler of single events.
   */
  readonly handle: (events: ReadonlyArray<ServiceEvent>) => Effect.Effect<void, unknown>
  /** What it does to an event a second time changes nothing: then the cursor is not written after each page. */
  readonly repeatable?: boolean
  /** Runs beside it wherever the plugin runs; if it ends or fails, it begins again after a while. */
  readonly work?: Effect.Effect<void, unknown, Scope.Scope>
  /** The oldest event that it will read from the log again, beyond its cursor; it is kept for as long as that is in bounds. */
  readonly needs?: Effect.Effect<number | undefined, StorageUnavailable>
}

export interface PluginStatus {
  readonly name: string
  /** this process runs it */
  readonly runsHere: boolean
  /** the last event that it is done with; undefined where it does not run */
  readonly passed: number | undefined
  /** what went wrong at the events that it is at, and since when, in milliseconds */
  readonly trouble: { readonly since: number; readonly message: string } | undefined
}
