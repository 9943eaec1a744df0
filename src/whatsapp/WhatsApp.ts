import { Context, Effect, Layer, type Scope } from "effect"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { makeBaileysWhatsApp } from "./BaileysWhatsApp.ts"
import type { Connection, CredentialsUnreadable, OpenOptions } from "./Connection.ts"

export * from "./Connection.ts"

/** Opens sockets to WhatsApp. Baileys stands behind it; nothing outside this folder knows. */
export class WhatsApp extends Context.Tag("whatsapp-service/WhatsApp")<WhatsApp, {
  /** Succeeds as soon as the socket exists; how it fares is told by `events`, ending in `Closed`. */
  readonly open: (options: OpenOptions) => Effect.Effect<
    Connection,
    CredentialsUnreadable | StorageUnavailable,
    Scope.Scope
  >
}>() {
  /**
   * Baileys. Reads `WA_SOCKET_URL`, `WA_NOISE_ROOT_KEY` (32 bytes in hex) and `WA_MEDIA_CA` (PEM, or the path of one) for
   * another server than WhatsApp's.
   */
  static readonly layer = Layer.effect(WhatsApp, Effect.suspend(() => Effect.map(makeBaileysWhatsApp, WhatsApp.of)))
}
