import type { CustomHeaders } from "../../sql/webhooks/Webhooks.ts"

/** Names that differ in case alone are one header; `ours` win over those that the endpoint was given. */
export const requestHeaders = (custom: CustomHeaders, ours: CustomHeaders): CustomHeaders => ({
  "user-agent": "whatsapp-service",
  ...Object.fromEntries(Object.entries(custom).map(([name, value]) => [name.toLowerCase(), value])),
  ...ours
})
