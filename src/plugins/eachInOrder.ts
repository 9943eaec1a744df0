import { Effect } from "effect"
import type { ServiceEvent } from "../domain/ServiceEvent.ts"
import type { Plugin } from "./Plugin.ts"

/** The device and the chat that an event is about; events of no chat have the device alone. */
export const laneOf = ({ data, deviceId }: Pick<ServiceEvent, "data" | "deviceId">): string => {
  const { chat } = data
  const jid = typeof chat === "object" && chat !== null && "jid" in chat ? chat.jid : ""
  return `${deviceId}|${typeof jid === "string" ? jid : ""}`
}

/**
 * One event after the other for each key (by default each chat), several keys side by side. When an event fails, those that
 * follow under its key wait for it; what has gone well is not repeated while the process lives.
 */
export const eachInOrder = <E>(
  handle: (event: ServiceEvent) => Effect.Effect<void, E>,
  { concurrency = 8, key = laneOf }: { readonly concurrency?: number; readonly key?: (event: ServiceEvent) => string } = {}
): Plugin["handle"] => {
  const done = new Set<number>()
  return (events) =>
    Effect.gen(function*() {
      const lanes = Map.groupBy(events.filter(({ id }) => !done.has(id)), key)
      const one = (event: ServiceEvent) => Effect.tap(handle(event), () => Effect.sync(() => done.add(event.id)))
      const [failures] = yield* Effect.partition(lanes.values(), (lane) => Effect.forEach(lane, one, { discard: true }), { concurrency })
      if (failures.length > 0) return yield* Effect.fail(failures[0])
      done.clear()
    })
}
