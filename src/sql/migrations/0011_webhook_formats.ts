import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** In whose shape an endpoint is told of events, and what it asks for before it takes any. */
export default Effect.gen(function*() {
  const { bytes, column, key } = yield* makeLayout

  yield* column("webhooks", "format", `${key(16)} NOT NULL DEFAULT 'standard'`)
  // encrypted
  yield* column("webhooks", "verify_token", bytes)
})
