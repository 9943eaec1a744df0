import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import type { DeviceId } from "./DeviceId.ts"
import { type Role, type UserId } from "./User.ts"

/** Who asks. */
export interface Principal {
  readonly userId: UserId
  readonly username: string
  readonly role: Role
  /** the only devices that this key or ticket is good for; null: all that the user may use */
  readonly devices: ReadonlyArray<DeviceId> | null
}

export class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  { reason: Schema.Literal("missing", "invalid", "expired", "inactive", "api_key", "ticket") },
  HttpApiSchema.annotations({ status: 401 })
) {
  override get message() {
    return {
      missing: "A token is needed: log in and send it as 'Authorization: Bearer …'.",
      invalid: "The token is not valid; log in again.",
      expired: "The token has expired; refresh it or log in again.",
      inactive: "This user has been deactivated.",
      api_key: "The API key is not known, has expired or has been revoked.",
      ticket: "The ticket has expired or has been used; ask for another."
    }[this.reason]
  }
}

export class Forbidden extends Schema.TaggedError<Forbidden>()(
  "Forbidden",
  {},
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return "Access denied"
  }
}

export class InvalidCredentials extends Schema.TaggedError<InvalidCredentials>()(
  "InvalidCredentials",
  {},
  HttpApiSchema.annotations({ status: 401 })
) {
  override get message() {
    return "E-mail or password is wrong."
  }
}

export class TooManyAttempts extends Schema.TaggedError<TooManyAttempts>()(
  "TooManyAttempts",
  { retryAfterSeconds: Schema.Int },
  HttpApiSchema.annotations({ status: 429 })
) {
  override get message() {
    return `Too many attempts; try again in ${this.retryAfterSeconds} seconds.`
  }
}
