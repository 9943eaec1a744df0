import { DateTime } from "effect"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"

const encoder = new TextEncoder()

/** An event on the wire. The payload's fields stand beside the event's own, which win, and once more under `data`. */
export const eventFrame = (event: ServiceEvent): Uint8Array =>
  frame({
    ...event.data,
    type: event.type,
    id: event.id,
    deviceId: event.deviceId,
    sequence: event.sequence,
    timestamp: DateTime.formatIso(event.timestamp),
    version: event.version,
    data: event.data
  }, event.id)

/** What the stream says of itself. With an `id` the browser goes on from there when it reconnects. */
export const controlFrame = (fields: { readonly type: "connected" | "reset" | "snapshot" | "closed" } & Record<string, unknown>, id?: number) =>
  frame(fields, id)

/** How long a browser waits before it reconnects, in milliseconds. */
export const retryFrame = encoder.encode("retry: 3000\n\n")
export const heartbeatFrame = encoder.encode(":\n\n")

const frame = (fields: Record<string, unknown>, id: number | undefined): Uint8Array =>
  encoder.encode(`${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(fields)}\n\n`)
