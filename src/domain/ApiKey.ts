import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { UserId } from "./User.ts"

/** What a key may do: look, send messages, or run devices. None includes another. */
export const ApiKeyScope = Schema.Literal("read", "send", "manage")
export type ApiKeyScope = typeof ApiKeyScope.Type

export const ApiKeyId = Schema.Int.pipe(Schema.positive(), Schema.brand("ApiKeyId"))
export type ApiKeyId = typeof ApiKeyId.Type

/** A key for a machine, in the name of its owner; without its secret, which is shown once. */
export class ApiKey extends Schema.Class<ApiKey>("ApiKey")({
  id: ApiKeyId,
  userId: UserId,
  name: Schema.String,
  /** the public part, by which the key is recognised in lists and logs */
  prefix: Schema.String,
  scopes: Schema.Array(ApiKeyScope),
  /** the only devices that it may touch; null: all that its owner may */
  devices: Schema.NullOr(Schema.Array(DeviceId)),
  createdAt: Schema.DateTimeUtc,
  expiresAt: Schema.NullOr(Schema.DateTimeUtc),
  /** to the minute */
  lastUsedAt: Schema.NullOr(Schema.DateTimeUtc),
  revokedAt: Schema.NullOr(Schema.DateTimeUtc)
}) {
  isGoodAt(millis: number) {
    return this.revokedAt === null && (this.expiresAt === null || millis < this.expiresAt.epochMillis)
  }
}

export class ApiKeyNotFound extends Schema.TaggedError<ApiKeyNotFound>()(
  "ApiKeyNotFound",
  { apiKeyId: Schema.Int },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no API key ${this.apiKeyId}.`
  }
}

export class TooManyApiKeys extends Schema.TaggedError<TooManyApiKeys>()(
  "TooManyApiKeys",
  { limit: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `A user may have ${this.limit} API keys; revoke one that is no longer used.`
  }
}

/** The key is good, but not for this. */
export class InsufficientScope extends Schema.TaggedError<InsufficientScope>()(
  "InsufficientScope",
  { needed: Schema.NullOr(ApiKeyScope) },
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return this.needed === null
      ? "This is not for API keys: log in and use a token."
      : `This API key lacks the scope '${this.needed}'.`
  }
}
