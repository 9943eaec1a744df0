import { expect, it, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Layer, Redacted, TestClock } from "effect"
import { hash } from "@node-rs/argon2"
import { SignJWT } from "jose"
import { AuthSecrets } from "../../src/http/auth/AuthSecrets.ts"
import { Passwords } from "../../src/http/auth/Passwords.ts"
import { Tokens } from "../../src/http/auth/Tokens.ts"
import type { UserId } from "../../src/domain/User.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { ask, httpLayer, makeUser } from "../support/http.ts"

const budi = { username: "Budi", email: "Budi@Example.com", password: "rahasia-sekali", fullName: "Budi S." }
let counter = 0
const registered = Effect.gen(function*() {
  const name = `budi${++counter}`
  const body = { ...budi, username: name, email: `${name}@Example.com` }
  const { json } = yield* ask("POST", "/api/auth/register", { body })
  return { ...body, id: json.data.user.id as number }
})
const login = (email: string, password: string) => ask("POST", "/api/auth/login", { body: { email, password } })
const refresh = (refreshToken: string) => ask("POST", "/api/auth/refresh-token", { body: { refreshToken } })

layer(httpLayer())("registration and login", (it) => {
  it.effect("whoever registers is a user, and is told so without his password", () =>
    Effect.gen(function*() {
      const { json, status, text } = yield* ask("POST", "/api/auth/register", { body: budi })
      expect(status).toBe(201)
      expect(json.data.user).toMatchObject({ username: "Budi", email: "budi@example.com", fullName: "Budi S.", role: "user", isActive: true })
      expect(text).not.toMatch(/rahasia|argon2/)
      expect((yield* ask("POST", "/api/auth/register", { body: { ...budi, role: "admin" } })).json.error.details[0].field).toBe("role")
      const taken = yield* ask("POST", "/api/auth/register", { body: { ...budi, username: "BUDI", email: "other@example.com" } })
      expect([taken.status, taken.json.error]).toEqual([409, { code: "USER_EXISTS", details: { field: "username" } }])
      const mail = yield* ask("POST", "/api/auth/register", { body: { ...budi, username: "other" } })
      expect(mail.json.error.details).toEqual({ field: "email" })
    }))

  it.effect("logs in by e-mail address or username, in any case", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const { json, status } = yield* login(user.email.toUpperCase(), user.password)
      expect(status).toBe(200)
      expect(json).toEqual({
        success: true,
        data: {
          token: expect.stringMatching(/^eyJ/), refreshToken: expect.stringMatching(/^eyJ/), expiresAt: expect.any(String),
          user: expect.objectContaining({ id: user.id, username: user.username, email: user.email.toLowerCase(), role: "user" })
        }
      })
      const byName = yield* ask("POST", "/api/auth/login", { body: { username: user.username, password: user.password } })
      expect(byName.status).toBe(200)
      const profile = yield* ask("GET", "/api/auth/profile", { token: json.data.token })
      expect(profile.json.data.user).toMatchObject({ id: user.id, lastLogin: expect.any(String) })
    }))

  it.effect("an unknown user and a wrong password are answered alike", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const wrong = yield* login(user.email, "not-the-password")
      const unknown = yield* login("nobody@example.com", "not-the-password")
      expect([wrong.status, wrong.text]).toEqual([401, unknown.text])
      expect([unknown.status, unknown.json.error.code]).toEqual([401, "INVALID_CREDENTIALS"])
    }))

  it.effect("a refresh token is good for one use; a second use ends the login", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const first = (yield* login(user.email, user.password)).json.data
      const other = (yield* login(user.email, user.password)).json.data
      const second = yield* refresh(first.refreshToken)
      expect(second.status).toBe(200)
      expect(second.json.data.user.id).toBe(user.id)
      expect((yield* ask("GET", "/api/auth/profile", { token: second.json.data.token })).status).toBe(200)
      const again = yield* refresh(first.refreshToken)
      expect([again.status, again.json.error.code]).toEqual([401, "UNAUTHORIZED"])
      expect((yield* refresh(second.json.data.refreshToken)).status).toBe(401)
      expect((yield* refresh(other.refreshToken)).status).toBe(200)
      expect((yield* refresh(other.token)).status).toBe(401)
      expect((yield* ask("GET", "/api/auth/profile", { token: other.refreshToken })).status).toBe(401)
    }))

  it.effect("of two at once with one refresh token, one gets through", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const { refreshToken } = (yield* login(user.email, user.password)).json.data
      const both = yield* Effect.all([refresh(refreshToken), refresh(refreshToken)], { concurrency: 2 })
      expect(both.map(({ status }) => status).toSorted()).toEqual([200, 401])
    }))

  it.effect("a new password asks for the old one and ends the other logins", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const here = (yield* login(user.email, user.password)).json.data
      const elsewhere = (yield* login(user.email, user.password)).json.data
      const put = (body: object) => ask("PUT", "/api/auth/profile", { token: here.token, body })
      expect((yield* put({ fullName: "Budi Santoso" })).json.data.user.fullName).toBe("Budi Santoso")
      expect((yield* put({ password: "lebih-rahasia" })).json.error.code).toBe("CURRENT_PASSWORD_WRONG")
      expect((yield* put({ password: "lebih-rahasia", currentPassword: "tebakan-saja" })).status).toBe(403)
      expect((yield* put({ password: "lebih-rahasia", currentPassword: user.password })).status).toBe(200)
      expect((yield* login(user.email, user.password)).status).toBe(401)
      expect((yield* login(user.email, "lebih-rahasia")).status).toBe(200)
      expect((yield* refresh(elsewhere.refreshToken)).status).toBe(401)
      expect((yield* ask("GET", "/api/auth/profile", { token: elsewhere.token })).status).toBe(401)
      expect((yield* ask("GET", "/api/auth/profile", { token: here.token })).status).toBe(200)
      expect((yield* refresh(here.refreshToken)).status).toBe(200)
      const other = yield* registered
      expect((yield* put({ email: other.email })).json.error).toEqual({ code: "USER_EXISTS", details: { field: "email" } })
    }))

  it.effect("guessing is slowed down, also for the right password, and never for good", () =>
    Effect.gen(function*() {
      const user = yield* registered
      for (let i = 0; i < 5; i++) expect((yield* login(user.email, `guess-${i}`)).status).toBe(401)
      const blocked = yield* login(user.username, user.password)
      expect([blocked.status, blocked.json.error]).toEqual([429, { code: "TOO_MANY_ATTEMPTS", details: { retryAfterSeconds: 1 } }])
      expect(blocked.headers.get("retry-after")).toBe("1")
      yield* TestClock.adjust("1 seconds")
      expect((yield* login(user.email, "guess-5")).status).toBe(401)
      expect((yield* login(user.email, user.password)).headers.get("retry-after")).toBe("2")
      yield* TestClock.adjust("2 seconds")
      expect((yield* login(user.email, user.password)).status).toBe(200)
      expect((yield* login(user.email, "guess-6")).status).toBe(401)
      expect((yield* login(user.email, user.password)).status).toBe(200)
    }), 60_000)
})

layer(httpLayer({ JWT_EXPIRES_IN: "40s", JWT_REFRESH_EXPIRES_IN: "1m" }))("lifetimes", (it) => {
  it.effect("a token ends when its time is over, a deactivated user's at once", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const { token } = (yield* login(user.email, user.password)).json.data
      const reason = Effect.map(ask("GET", "/api/auth/profile", { token }), ({ json, status }) => [status, json.error?.details.reason])
      yield* TestClock.adjust("35 seconds")
      expect(yield* reason).toEqual([200, undefined])
      yield* TestClock.adjust("11 seconds")
      expect(yield* reason).toEqual([401, "expired"])
      const { update } = yield* Users
      yield* update(user.id as UserId, { isActive: false })
      expect((yield* login(user.email, user.password)).json.error).toEqual({ code: "UNAUTHORIZED", details: { reason: "inactive" } })
    }))

  it.effect("a refresh token ends when its time is over", () =>
    Effect.gen(function*() {
      const user = yield* registered
      const { refreshToken } = (yield* login(user.email, user.password)).json.data
      yield* TestClock.adjust("66 seconds")
      expect((yield* refresh(refreshToken)).json.error.details.reason).toBe("expired")
    }))
})

layer(httpLayer({ REGISTRATION: "closed" }))("closed registration", (it) => {
  it.effect("is refused", () =>
    Effect.gen(function*() {
      const { json, status } = yield* ask("POST", "/api/auth/register", { body: budi })
      expect([status, json.error.code]).toEqual([403, "REGISTRATION_CLOSED"])
    }))
})

layer(Passwords.layer)("passwords", (it) => {
  it.effect("are hashed with Argon2id as parameters ask, and old hashes are known as such", () =>
    Effect.gen(function*() {
      const passwords = yield* Passwords
      const password = Redacted.make("rahasia-sekali")
      const made = yield* passwords.hash(password)
      expect(made).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      expect(yield* passwords.check(password, made)).toEqual({ matches: true, outdated: false })
      expect((yield* passwords.check(Redacted.make("other"), made)).matches).toBe(false)
      expect((yield* passwords.check(password, undefined)).matches).toBe(false)
      const weak = yield* Effect.promise(() => hash("rahasia-sekali", { memoryCost: 8192, timeCost: 1, parallelism: 1 }))
      expect(yield* passwords.check(password, weak)).toEqual({ matches: true, outdated: true })
    }))
})

layer(httpLayer())("an old hash", (it) => {
  it.effect("is replaced at the next login", () =>
    Effect.gen(function*() {
      const users = yield* Users
      const { user } = yield* makeUser("user", "wayan")
      const weak = yield* Effect.promise(() => hash("rahasia-sekali", { memoryCost: 8192, timeCost: 1, parallelism: 1 }))
      yield* users.update(user.id, { passwordHash: weak })
      expect((yield* login("wayan", "rahasia-sekali")).status).toBe(200)
      expect(yield* users.passwordHash(user.id)).toContain("m=19456")
      expect((yield* login("wayan", "rahasia-sekali")).status).toBe(200)
    }))
})

const secret = "access-secret-of-more-than-32-bytes!"
const secrets = (accessSecret: string) =>
  Layer.succeed(AuthSecrets, { accessSecret: Redacted.make(accessSecret), refreshSecret: Redacted.make(`refresh-${secret}`) })
const tokensWith = (accessSecret: string, settings: Record<string, string> = {}) =>
  Tokens.layer.pipe(
    Layer.provide(secrets(accessSecret)),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings)))))
  )

it.effect("a secret shorter than 32 bytes stops the start and is named", () =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Layer.build(tokensWith("short")))
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("JWT_SECRET")
    const wrong = yield* Effect.exit(Layer.build(tokensWith(secret, { JWT_EXPIRES_IN: "soon" })))
    expect(Exit.isFailure(wrong) && String(wrong.cause)).toContain("JWT_EXPIRES_IN")
  }).pipe(Effect.scoped))

const forged = (claims: object, header: { alg: string; typ?: string } = { alg: "HS256", typ: "at+jwt" }, key = secret) =>
  Effect.promise(() => new SignJWT({ ...claims }).setProtectedHeader(header).sign(new TextEncoder().encode(key)))

layer(tokensWith(secret, { JWT_EXPIRES_IN: "15m" }))("tokens", (it) => {
  const base = { iss: "whatsapp-service", aud: "whatsapp-service", sub: "1", jti: "x", family: "f", exp: 4_000_000_000 }

  it.effect("live as long as the setting says, by the clock of the program", () =>
    Effect.gen(function*() {
      const tokens = yield* Tokens
      const { token } = yield* tokens.signAccess(7 as UserId, "family")
      yield* TestClock.adjust("15 minutes")
      expect(yield* tokens.verifyAccess(token)).toMatchObject({ userId: 7, familyId: "family" })
      yield* TestClock.adjust("6 seconds")
      expect(yield* Effect.flip(tokens.verifyAccess(token))).toMatchObject({ reason: "expired" })
    }))

  it.effect("are refused with any claim missing, another key, algorithm or type", () =>
    Effect.gen(function*() {
      const { verifyAccess } = yield* Tokens
      expect((yield* verifyAccess(yield* forged(base))).userId).toBe(1)
      const { exp: _exp, ...noExp } = base
      const { jti: _jti, ...noJti } = base
      const { sub: _sub, ...noSub } = base
      const wrong = yield* Effect.all([
        forged(noExp), forged(noJti), forged(noSub), forged({ ...base, iss: "x" }), forged({ ...base, aud: "x" }), forged({ ...base, sub: "0" }),
        forged(base, { alg: "HS256", typ: "JWT" }), forged(base, { alg: "HS256", typ: "rt+jwt" }), forged(base, { alg: "HS256" }),
        forged(base, { alg: "HS512", typ: "at+jwt" }, secret + secret), forged(base, undefined, `${secret}x`)
      ])
      const none = `${Buffer.from("{\"alg\":\"none\",\"typ\":\"at+jwt\"}").toString("base64url")}.${wrong[0].split(".")[1]}.`
      for (const token of [...wrong, none, "", "x", "x".repeat(5000)]) {
        expect(yield* Effect.flip(verifyAccess(token))).toMatchObject({ _tag: "Unauthorized", reason: "invalid" })
      }
    }))
})
