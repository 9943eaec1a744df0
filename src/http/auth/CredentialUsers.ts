import { Context, Effect, Layer } from "effect"
import { Unauthorized } from "../../domain/Access.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { User } from "../../domain/User.ts"
import { ActiveUsers } from "./ActiveUsers.ts"
import { type Credential, userIdOf } from "./Credential.ts"
import { KeyRing } from "./KeyRing.ts"

/** From a credential to its user, as long as both are good: asked at each request, and again while a stream is open. */
export class CredentialUsers extends Context.Tag("whatsapp-service/CredentialUsers")<CredentialUsers, {
  readonly behind: (credential: Credential) => Effect.Effect<User, Unauthorized | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    CredentialUsers,
    Effect.gen(function*() {
      const activeUsers = yield* ActiveUsers
      const keyRing = yield* KeyRing

      return CredentialUsers.of({
        behind: Effect.fnUntraced(function*(credential) {
          if (credential._tag === "Key") yield* keyRing.current(credential.key.prefix)
          else if (!(yield* activeUsers.isLoggedIn(credential.claims.familyId))) return yield* new Unauthorized({ reason: "invalid" })
          return yield* activeUsers.get(userIdOf(credential))
        })
      })
    })
  )
}
