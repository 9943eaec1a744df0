import { DateTime } from "effect"
import type { ServiceEvent } from "../../domain/ServiceEvent.ts"

/** What is posted, by the version that the endpoint was made with. There has been one so far. */
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

/** The type of what is sent on request, to try an endpoint out. */
export const testType = "webhook.test"
export const testBody = (webhookId: number, at: DateTime.Utc): string =>
  JSON.stringify({
    type: testType,
    timestamp: DateTime.formatIso(at),
    version: 1,
    data: { webhookId, message: "This is a test; it works." }
  })
