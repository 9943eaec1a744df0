import { Context, type Redacted } from "effect"

/** What signs access and refresh tokens; each at least 32 bytes long. */
export class AuthSecrets extends Context.Tag("whatsapp-service/AuthSecrets")<AuthSecrets, {
  readonly accessSecret: Redacted.Redacted
  readonly refreshSecret: Redacted.Redacted
}>() {}
