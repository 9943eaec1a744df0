import { Clock, ConfigError, Context, DateTime, type Duration, Effect, Layer, Redacted, Schema } from "effect"
import { errors, jwtVerify, SignJWT } from "jose"
import { createHash, createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { Unauthorized } from "../../domain/Access.ts"
import { duration } from "../../domain/Settings.ts"
import { UserId } from "../../domain/User.ts"
import { AuthSecrets } from "./AuthSecrets.ts"

/** What a token says once its signature has been checked. */
export interface Claims {
  readonly userId: UserId
  /** tells this token from all others */
  readonly tokenId: string
  /** the login that this token descends from */
  readonly familyId: string
  readonly expiresAt: DateTime.Utc
}

export interface SignedToken {
  readonly token: string
  readonly expiresAt: DateTime.Utc
}

/** Signs and checks tokens. Access and refresh tokens have different keys and types: one never passes for the other. */
export class Tokens extends Context.Tag("whatsapp-service/Tokens")<Tokens, {
  readonly signAccess: (userId: UserId, familyId: string) => Effect.Effect<SignedToken>
  readonly signRefresh: (userId: UserId, familyId: string) => Effect.Effect<SignedToken>
  readonly verifyAccess: (token: string) => Effect.Effect<Claims, Unauthorized>
  readonly verifyRefresh: (token: string) => Effect.Effect<Claims, Unauthorized>
}>() {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function*() {
      const secrets = yield* AuthSecrets
      const access: Kind = {
        typ: "at+jwt",
        key: yield* signingKey("JWT_SECRET", secrets.accessSecret),
        lifetime: yield* duration("JWT_EXPIRES_IN", "24 hours")
      }
      const refresh: Kind = {
        typ: "rt+jwt",
        key: yield* signingKey("JWT_REFRESH_SECRET", secrets.refreshSecret),
        lifetime: yield* duration("JWT_REFRESH_EXPIRES_IN", "7 days")
      }
      return Tokens.of({
        signAccess: (userId, familyId) => sign(access, userId, familyId),
        signRefresh: (userId, familyId) => sign(refresh, userId, familyId),
        verifyAccess: (token) => verify(access, token),
        verifyRefresh: (token) => verify(refresh, token)
      })
    })
  )
}

/** Under which a token is stored and looked up. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex")

interface Kind {
  readonly typ: string
  readonly key: KeyObject
  readonly lifetime: Duration.Duration
}

const party = { issuer: "whatsapp-service", audience: "whatsapp-service" } as const

const signingKey = (name: string, secret: Redacted.Redacted): Effect.Effect<KeyObject, ConfigError.ConfigError> => {
  const bytes = Buffer.from(Redacted.value(secret))
  return bytes.length < 32
    ? Effect.fail(ConfigError.InvalidData([name], "a secret of at least 32 bytes is needed"))
    // a KeyObject of type "secret": jose takes it for HMAC alone
    : Effect.succeed(createSecretKey(bytes))
}

const sign = ({ key, lifetime, typ }: Kind, userId: UserId, familyId: string) =>
  Effect.gen(function*() {
    const now = yield* DateTime.now
    const issued = Math.floor(now.epochMillis / 1000)
    const expires = DateTime.addDuration(DateTime.unsafeMake(issued * 1000), lifetime)
    const token = yield* Effect.promise(() =>
      new SignJWT({ family: familyId })
        .setProtectedHeader({ alg: "HS256", typ })
        .setIssuer(party.issuer)
        .setAudience(party.audience)
        .setSubject(String(userId))
        .setJti(randomBytes(16).toString("base64url"))
        .setIssuedAt(issued)
        .setExpirationTime(Math.floor(expires.epochMillis / 1000))
        .sign(key)
    )
    return { token, expiresAt: expires }
  })

const Payload = Schema.Struct({
  sub: Schema.NumberFromString.pipe(Schema.compose(UserId, { strict: false })),
  jti: Schema.String,
  family: Schema.String,
  exp: Schema.Int
})
const decodePayload = Schema.decodeUnknown(Payload)

const verify = ({ key, typ }: Kind, token: string) =>
  Effect.gen(function*() {
    if (token.length > 4096) return yield* new Unauthorized({ reason: "invalid" })
    const now = yield* Clock.currentTimeMillis
    const { payload } = yield* Effect.tryPromise({
      try: () =>
        jwtVerify(token, key, {
          ...party,
          typ,
          algorithms: ["HS256"],
          requiredClaims: ["exp", "sub", "jti"],
          clockTolerance: 5,
          currentDate: new Date(now)
        }),
      catch: (cause) => new Unauthorized({ reason: cause instanceof errors.JWTExpired ? "expired" : "invalid" })
    })
    const { exp, family, jti, sub } = yield* Effect.mapError(
      decodePayload(payload),
      () => new Unauthorized({ reason: "invalid" })
    )
    return { userId: sub, tokenId: jti, familyId: family, expiresAt: DateTime.unsafeMake(exp * 1000) }
  })
