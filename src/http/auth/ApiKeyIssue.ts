import type { HttpApiError } from "@effect/platform"
import { Context, DateTime, Effect, Layer } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { ApiKey, ApiKeyId, ApiKeyNotFound, TooManyApiKeys } from "../../domain/ApiKey.ts"
import type { Actor } from "../../domain/Audit.ts"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { UserId, UserNotFound } from "../../domain/User.ts"
import { ApiKeys } from "../../sql/accounts/ApiKeys.ts"
import { AuditLog } from "../../sql/admin/AuditLog.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { Users } from "../../sql/accounts/Users.ts"
import type { NewKey } from "../contract/ApiKeysApi.ts"
import { fieldRefused } from "../contract/FieldRefused.ts"
import { newApiKeySecret } from "./ApiKeySecret.ts"
import { KeyRing } from "./KeyRing.ts"

/** API keys come and go; what is remembered of it is who did it. */
export class ApiKeyIssue extends Context.Tag("whatsapp-service/ApiKeyIssue")<ApiKeyIssue, {
  /** `key` is the only copy there will ever be. The devices have to be the owner's, or any for an administrator. */
  readonly create: (owner: UserId, key: NewKey, actor: Actor) => Effect.Effect<
    { readonly key: string; readonly apiKey: ApiKey },
    TooManyApiKeys | UserNotFound | DeviceNotFound | Forbidden | HttpApiError.HttpApiDecodeError | StorageUnavailable
  >
  readonly revoke: (owner: UserId, id: ApiKeyId, actor: Actor) => Effect.Effect<ApiKey, ApiKeyNotFound | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    ApiKeyIssue,
    Effect.gen(function*() {
      const apiKeys = yield* ApiKeys
      const users = yield* Users
      const devices = yield* Devices
      const audit = yield* AuditLog
      const keyRing = yield* KeyRing

      const create = Effect.fn("ApiKeyIssue.create")(function*(owner: UserId, wanted: NewKey, actor: Actor) {
        const user = yield* users.get(owner)
        const expiresAt = wanted.expiresAt ?? null
        if (expiresAt !== null && DateTime.lessThanOrEqualTo(expiresAt, yield* DateTime.now)) return yield* expiresInThePast
        for (const deviceId of wanted.deviceIds ?? []) {
          const device = yield* devices.get(deviceId)
          if (!user.isAdmin && device.userId !== owner) return yield* new Forbidden()
        }
        const { key, ...secret } = newApiKeySecret()
        const created = apiKeys.create({
          ...secret,
          userId: owner,
          name: wanted.name.trim(),
          scopes: [...new Set(wanted.scopes)],
          devices: wanted.deviceIds ?? null,
          expiresAt
        })
        const apiKey = yield* audit.with(created, (made) => ({
          actor,
          action: "api-key.create",
          target: { type: "api-key", id: String(made.id) },
          details: { ownerId: owner, prefix: made.prefix, scopes: made.scopes, devices: made.devices }
        }))
        // somebody may have asked for this prefix before it was one
        yield* keyRing.forget(apiKey.prefix)
        return { key, apiKey }
      })

      const revoke = Effect.fn("ApiKeyIssue.revoke")(function*(owner: UserId, id: ApiKeyId, actor: Actor) {
        const apiKey = yield* audit.with(apiKeys.revoke(owner, id), ({ prefix }) => ({
          actor,
          action: "api-key.revoke",
          target: { type: "api-key", id: String(id) },
          details: { ownerId: owner, prefix }
        }))
        yield* keyRing.forget(apiKey.prefix)
        return apiKey
      })

      return ApiKeyIssue.of({ create, revoke })
    })
  )
}

const expiresInThePast = fieldRefused("expiresAt", "a time in the future is expected")
