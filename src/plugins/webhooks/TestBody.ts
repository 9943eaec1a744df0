import { DateTime } from "effect"

/** The type of what is sent on request, to try an endpoint out. */
export const testType = "webhook.test"
export const testBody = (webhookId: number, at: DateTime.Utc): string =>
  JSON.stringify({
    type: testType,
    timestamp: DateTime.formatIso(at),
    version: 1,
    data: { webhookId, message: "This is a test; it works." }
  })
