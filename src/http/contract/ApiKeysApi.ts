import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { ApiKey, ApiKeyId, ApiKeyScope } from "../../domain/ApiKey.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { UserId } from "../../domain/User.ts"
import * as Envelope from "../Envelope.ts"
import { UserPath } from "./AdminUsersApi.ts"
import { Authorized } from "./Authorization.ts"
import { closed } from "./Body.ts"
import { apiKeyNotFound, deviceNotFound, forbidden, tooManyApiKeys, userNotFound } from "./Failures.ts"
import { idOf } from "./Paging.ts"

const NewKey = closed({
  name: Schema.String.pipe(
    Schema.maxLength(100),
    Schema.filter((name) => (name.trim() === "" ? "the name is empty" : undefined))
  ),
  scopes: Schema.NonEmptyArray(ApiKeyScope).pipe(Schema.maxItems(3)),
  deviceIds: Schema.optional(Schema.NullOr(Schema.NonEmptyArray(DeviceId).pipe(Schema.maxItems(100)))),
  expiresAt: Schema.optional(Schema.NullOr(Schema.DateTimeUtc))
})
export type NewKey = typeof NewKey.Type

const Keys = Envelope.success(Schema.Struct({ items: Schema.Array(ApiKey) }))
const Shown = Envelope.success(Schema.Struct({ key: Schema.String, apiKey: ApiKey }), { status: 201 })
const Revoked = Envelope.success(Schema.Struct({ apiKey: ApiKey }))
const KeyPath = Schema.Struct({ apiKeyId: idOf(ApiKeyId) })
const KeyOfUserPath = Schema.Struct({ userId: idOf(UserId), apiKeyId: idOf(ApiKeyId) })

const about = "For machines: sent as `X-API-Key: wak_…` or `Authorization: Bearer wak_…`. `read` looks, `send` sends messages, `manage` " +
  "runs devices; with `deviceIds` the key is good for these devices alone. It never may more than its owner. `key` is shown this once."

export const ApiKeysApi = HttpApiGroup.make("apiKeys")
  .add(
    HttpApiEndpoint.get("list", "/api/api-keys")
      .addSuccess(Keys)
      .annotateContext(OpenApi.annotations({ summary: "List one's own API keys", description: "Newest first, 100 at most; also those that were revoked in the last 30 days." }))
  )
  .add(
    HttpApiEndpoint.post("create", "/api/api-keys")
      .setPayload(NewKey)
      .addSuccess(Shown)
      .addError(tooManyApiKeys)
      .addError(deviceNotFound)
      .addError(forbidden)
      .addError(userNotFound)
      .addError(Envelope.validation)
      .annotateContext(OpenApi.annotations({ summary: "Create an API key", description: about }))
  )
  .add(
    HttpApiEndpoint.del("revoke", "/api/api-keys/:apiKeyId")
      .setPath(KeyPath)
      .addSuccess(Revoked)
      .addError(apiKeyNotFound)
      .annotateContext(OpenApi.annotations({ summary: "Revoke an API key", description: "It ends at once; on other nodes within five seconds." }))
  )
  .add(
    HttpApiEndpoint.get("listOf", "/api/admin/users/:userId/api-keys")
      .setPath(UserPath)
      .addSuccess(Keys)
      .addError(userNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "List a user's API keys",
        description: "Newest first, 100 at most; also those that were revoked in the last 30 days."
      }))
  )
  .add(
    HttpApiEndpoint.post("createFor", "/api/admin/users/:userId/api-keys")
      .setPath(UserPath)
      .setPayload(NewKey)
      .addSuccess(Shown)
      .addError(tooManyApiKeys)
      .addError(deviceNotFound)
      .addError(forbidden)
      .addError(userNotFound)
      .addError(Envelope.validation)
      .annotateContext(OpenApi.annotations({ summary: "Create an API key for a user", description: about }))
  )
  .add(
    HttpApiEndpoint.del("revokeOf", "/api/admin/users/:userId/api-keys/:apiKeyId")
      .setPath(KeyOfUserPath)
      .addSuccess(Revoked)
      .addError(apiKeyNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Revoke a user's API key",
        description: "It ends at once; on other nodes within five seconds."
      }))
  )
  .middleware(Authorized)
  .annotateContext(OpenApi.annotations({ title: "API keys", description: "Keys for programs, one's own and, for administrators, those of others." }))
