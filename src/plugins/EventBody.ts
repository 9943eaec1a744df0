import { DateTime } from "effect"
import type { ServiceEvent } from "../domain/ServiceEvent.ts"

/** An event as it leaves the service, in JSON. There has been one version so far. */
export const bodyOf = (event: ServiceEvent): string =>
  JSON.stringify({
    type: event.type,
    timestamp: DateTime.formatIso(event.timestamp),
    id: event.id,
    version: event.version,
    deviceId: event.deviceId,
    sequence: event.sequence,
    data: event.data
  })
