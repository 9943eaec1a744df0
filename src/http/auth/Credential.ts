import { Data, DateTime } from "effect"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { UserId } from "../../domain/User.ts"
import type { Claims } from "./Tokens.ts"

type Devices = ReadonlyArray<DeviceId> | null

/** By what somebody has shown who he is. `devices` are the only ones that it is good for; null: all that its user may use. */
export type Credential = Data.TaggedEnum<{
  Token: { readonly claims: Claims; readonly devices: Devices }
  Key: { readonly key: ApiKey; readonly devices: Devices }
}>
export const Credential = Data.taggedEnum<Credential>()

export const userIdOf = Credential.$match({
  Token: ({ claims }): UserId => claims.userId,
  Key: ({ key }): UserId => key.userId
})

/** Tells the credential from all others, for counting its requests. */
export const nameOf = Credential.$match({
  Token: ({ claims }) => claims.tokenId,
  Key: ({ key }) => `api-key ${key.prefix}`
})

export const apiKeyOf = Credential.$match({
  Token: () => null,
  Key: ({ key }): string | null => key.prefix
})

/** The login that the credential belongs to, if it is one. */
export const familyOf = Credential.$match({
  Token: ({ claims }): string | undefined => claims.familyId,
  Key: () => undefined
})

/** A stream does not outlive its credential, and not a day: a key may have no end. */
export const streamUntil = (credential: Credential, now: DateTime.Utc): DateTime.Utc => {
  const tomorrow = DateTime.add(now, { days: 1 })
  const end = credential._tag === "Token" ? credential.claims.expiresAt : credential.key.expiresAt ?? tomorrow
  return credential._tag === "Token" ? end : DateTime.min(end, tomorrow)
}
