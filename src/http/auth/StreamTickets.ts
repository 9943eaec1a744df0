import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { randomBytes } from "node:crypto"
import { Unauthorized } from "../../domain/Access.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { EventTickets } from "../../sql/accounts/EventTickets.ts"
import { apiKeyOf, Credential, familyOf, streamUntil, userIdOf } from "./Credential.ts"
import { KeyRing } from "./KeyRing.ts"
import { tokenHash } from "./Tokens.ts"

const lifetime = Duration.seconds(60)
const shape = /^[\w-]{43}$/

/** Tickets for browsers, which can put nothing but an address into an `EventSource`: each opens one stream, within a minute. */
export class StreamTickets extends Context.Tag("whatsapp-service/StreamTickets")<StreamTickets, {
  /** Good for what the credential is good for, or for `devices` of it alone. */
  readonly issue: (credential: Credential, devices: ReadonlyArray<DeviceId> | null) => Effect.Effect<
    { readonly ticket: string; readonly expiresAt: DateTime.Utc },
    StorageUnavailable
  >
  /** Uses the ticket up and stands for the credential that asked for it. */
  readonly redeem: (ticket: string) => Effect.Effect<Credential, Unauthorized | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    StreamTickets,
    Effect.gen(function*() {
      const rows = yield* EventTickets
      const keyRing = yield* KeyRing

      return StreamTickets.of({
        issue: Effect.fn("StreamTickets.issue")(function*(credential: Credential, devices: ReadonlyArray<DeviceId> | null) {
          const now = yield* DateTime.now
          const ticket = randomBytes(32).toString("base64url")
          yield* rows.issue(tokenHash(ticket), {
            userId: userIdOf(credential),
            familyId: familyOf(credential) ?? null,
            apiKeyPrefix: apiKeyOf(credential),
            devices: devices ?? credential.devices,
            streamUntil: streamUntil(credential, now)
          }, Duration.toMillis(lifetime))
          return { ticket, expiresAt: DateTime.addDuration(now, lifetime) }
        }),

        redeem: Effect.fn("StreamTickets.redeem")(function*(ticket: string) {
          const refused = new Unauthorized({ reason: "ticket" })
          if (!shape.test(ticket)) return yield* refused
          const grant = yield* rows.redeem(tokenHash(ticket))
          if (Option.isNone(grant)) return yield* refused
          const { apiKeyPrefix, devices, familyId, streamUntil: expiresAt, userId } = grant.value
          if (apiKeyPrefix !== null) return Credential.Key({ key: yield* keyRing.current(apiKeyPrefix), devices })
          return Credential.Token({ claims: { userId, tokenId: tokenHash(ticket), familyId: familyId ?? "", expiresAt }, devices })
        })
      })
    })
  )
}
