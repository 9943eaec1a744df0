import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Email, Password, User, Username } from "../../domain/User.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import {
  currentPasswordWrong, invalidCredentials, registrationClosed, tooManyAttempts, unauthorized, userExists, userNotFound
} from "./Failures.ts"

export const FullName = Schema.String.pipe(Schema.maxLength(255))
const Tokens = {
  token: Schema.String,
  refreshToken: Schema.String,
  /** when `token` ends */
  expiresAt: Schema.DateTimeUtc,
  user: User
}

export const AuthApi = HttpApiGroup.make("auth")
  .add(
    HttpApiEndpoint.post("register", "/register")
      .setPayload(closed({
        username: Username,
        email: Email,
        password: Schema.Redacted(Password),
        fullName: Schema.optional(Schema.NullOr(FullName))
      }))
      .addSuccess(Envelope.success(Schema.Struct({ user: User }), { status: 201 }))
      .addError(userExists)
      .addError(registrationClosed)
      .annotateContext(OpenApi.annotations({
        summary: "Register a user",
        description: "Where registration is open. He gets tokens by logging in."
      }))
  )
  .add(
    HttpApiEndpoint.post("login", "/login")
      .setPayload(withAliases(
        closed({ email: Schema.String.pipe(Schema.maxLength(254)), password: Schema.Redacted(Schema.String.pipe(Schema.maxLength(256))) }),
        { username: "email" }
      ))
      .addSuccess(Envelope.success(Schema.Struct(Tokens)))
      .addError(invalidCredentials)
      .addError(unauthorized)
      .addError(tooManyAttempts)
      .annotateContext(OpenApi.annotations({
        summary: "Log in",
        description: "By e-mail address; `username` may be sent in its place."
      }))
  )
  .add(
    HttpApiEndpoint.post("refreshToken", "/refresh-token")
      .setPayload(closed({ refreshToken: Schema.Redacted(Schema.String.pipe(Schema.maxLength(4096))) }))
      .addSuccess(Envelope.success(Schema.Struct(Tokens)))
      .addError(unauthorized)
      .annotateContext(OpenApi.annotations({
        summary: "Exchange a refresh token for new tokens",
        description: "A refresh token is good for one use. Using one twice ends the login it belongs to."
      }))
  )
  .add(
    HttpApiEndpoint.get("profile", "/profile")
      .addSuccess(Envelope.success(Schema.Struct({ user: User })))
      .addError(userNotFound)
      .middleware(Authorized)
      .annotateContext(OpenApi.annotations({ summary: "The user who asks", description: "As he is now, also if his token is older." }))
  )
  .add(
    HttpApiEndpoint.put("updateProfile", "/profile")
      .setPayload(withAliases(
        closed({
          username: Schema.optional(Username),
          email: Schema.optional(Email),
          fullName: Schema.optional(Schema.NullOr(FullName)),
          password: Schema.optional(Schema.Redacted(Password)),
          currentPassword: Schema.optional(Schema.Redacted(Schema.String.pipe(Schema.maxLength(256))))
        }),
        { newPassword: "password" }
      ))
      .addSuccess(Envelope.success(Schema.Struct({ user: User })))
      .addError(userExists)
      .addError(userNotFound)
      .addError(currentPasswordWrong)
      .addError(tooManyAttempts)
      .middleware(Authorized)
      .annotateContext(OpenApi.annotations({
        summary: "Change the user who asks",
        description: "A new `password` needs the `currentPassword` and ends all other logins of the user."
      }))
  )
  .prefix("/api/auth")
  .annotateContext(OpenApi.annotations({ title: "Authentication", description: "Accounts, logins and tokens." }))
