import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Email, Password, Role, User, UserId, Username } from "../../domain/User.ts"
import { UserSort } from "../../sql/accounts/UserDirectory.ts"
import * as Envelope from "../Envelope.ts"
import { FullName } from "./AuthApi.ts"
import { Authorized } from "./Authorization.ts"
import { closed } from "./Body.ts"
import { cannotInherit, lastAdministrator, ownAccount, userExists, userHasDevices, userNotFound } from "./Failures.ts"
import { Flag, idOf, pages } from "./Paging.ts"

export const UserPath = Schema.Struct({ userId: idOf(UserId) })

/** What becomes of the devices of somebody who is deleted. */
export type DevicesFate = { readonly _tag: "Delete" } | { readonly _tag: "Transfer"; readonly to: UserId }

const DevicesChoice = Schema.transform(
  Schema.Union(Schema.Literal("delete"), Schema.TemplateLiteralParser("transfer:", Schema.NumberFromString.pipe(Schema.compose(UserId, { strict: false })))),
  Schema.typeSchema(Schema.Union(
    Schema.Struct({ _tag: Schema.Literal("Delete") }),
    Schema.Struct({ _tag: Schema.Literal("Transfer"), to: UserId })
  )),
  {
    strict: true,
    decode: (choice): DevicesFate => choice === "delete" ? { _tag: "Delete" } : { _tag: "Transfer", to: choice[1] },
    encode: (fate) => fate._tag === "Delete" ? "delete" as const : ["transfer:", fate.to] as const
  }
)

export const AdminUsersApi = HttpApiGroup.make("adminUsers")
  .add(
    HttpApiEndpoint.get("list", "/users")
      .setUrlParams(Schema.Struct({
        ...pages,
        role: Schema.optional(Role),
        isActive: Schema.optional(Flag),
        search: Schema.optional(Schema.String.pipe(Schema.maxLength(100))),
        sort: Schema.optionalWith(UserSort, { default: () => "id" as const }),
        order: Schema.optionalWith(Schema.Literal("asc", "desc"), { default: () => "asc" as const })
      }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(User),
        page: Schema.Int,
        limit: Schema.Int,
        total: Schema.Int
      })))
      .annotateContext(OpenApi.annotations({ summary: "List users", description: "`search` looks into username, e-mail address and full name." }))
  )
  .add(
    HttpApiEndpoint.post("create", "/users")
      .setPayload(closed({
        username: Username,
        email: Email,
        password: Schema.Redacted(Password),
        fullName: Schema.optional(Schema.NullOr(FullName)),
        role: Schema.optionalWith(Role, { default: () => "user" as const })
      }))
      .addSuccess(Envelope.success(Schema.Struct({ user: User }), { status: 201 }))
      .addError(userExists)
      .annotateContext(OpenApi.annotations({ summary: "Create a user", description: "Also where registration is closed." }))
  )
  .add(
    HttpApiEndpoint.get("get", "/users/:userId")
      .setPath(UserPath)
      .addSuccess(Envelope.success(Schema.Struct({
        user: User,
        deviceCount: Schema.Int,
        /** the first 100 */
        deviceIds: Schema.Array(DeviceId)
      })))
      .addError(userNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "A user",
        description: "With the number of his devices and the ids of the first hundred."
      }))
  )
  .add(
    HttpApiEndpoint.put("update", "/users/:userId")
      .setPath(UserPath)
      .setPayload(closed({
        username: Schema.optional(Username),
        email: Schema.optional(Email),
        fullName: Schema.optional(Schema.NullOr(FullName)),
        role: Schema.optional(Role),
        isActive: Schema.optional(Schema.Boolean),
        password: Schema.optional(Schema.Redacted(Password))
      }))
      .addSuccess(Envelope.success(Schema.Struct({ user: User })))
      .addError(userNotFound)
      .addError(userExists)
      .addError(lastAdministrator)
      .addError(ownAccount)
      .annotateContext(OpenApi.annotations({
        summary: "Change a user",
        description: "A new role or password, or a deactivation, ends all logins of the user. A deactivated user's API keys stop " +
          "working; his devices stay as they are."
      }))
  )
  .add(
    HttpApiEndpoint.del("remove", "/users/:userId")
      .setPath(UserPath)
      .setUrlParams(Schema.Struct({ devices: Schema.optional(DevicesChoice) }))
      .addSuccess(Envelope.success(Schema.Struct({
        userId: UserId,
        deviceCount: Schema.Int,
        devices: Schema.Literal("none", "deleted", "transferred"),
        message: Schema.String
      })))
      .addError(userNotFound)
      .addError(userHasDevices).addError(cannotInherit)
      .addError(lastAdministrator)
      .addError(ownAccount)
      .annotateContext(OpenApi.annotations({
        summary: "Delete a user",
        description: "With his logins and API keys. If he has devices, `devices=delete` deletes them too (pairings end, their " +
          "messages are kept), and `devices=transfer:<userId>` gives them, with contacts and chat history, to another user; " +
          "without it nothing is done and 409 says how many there are."
      }))
  )
  .middleware(Authorized)
  .prefix("/api/admin")
  .annotateContext(OpenApi.annotations({ title: "Administration: users", description: "Users, for administrators." }))
