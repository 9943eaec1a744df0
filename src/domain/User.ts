import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"

export const UserId = Schema.Int.pipe(Schema.positive(), Schema.brand("UserId"))
export type UserId = typeof UserId.Type

export const Role = Schema.Literal("admin", "user")
export type Role = typeof Role.Type

export const Username = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{2,49}$/, {
    message: () => "a username has 3 to 50 letters, digits, '.', '_' or '-'"
  })
)
export const Email = Schema.String.pipe(
  Schema.maxLength(254),
  Schema.pattern(/^[^\s@]+@[^\s@]+\.[^\s@]+$|^[^\s@]+@localhost$/, { message: () => "an e-mail address is expected" })
)
/** 8 to 256 characters: long enough for a passphrase, short enough that hashing it cannot be used as an attack. */
export const Password = Schema.String.pipe(Schema.minLength(8), Schema.maxLength(256))

export class User extends Schema.Class<User>("User")({
  id: UserId,
  username: Schema.String,
  email: Schema.String,
  fullName: Schema.NullOr(Schema.String),
  role: Role,
  isActive: Schema.Boolean,
  lastLogin: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {
  get isAdmin() {
    return this.role === "admin"
  }
}

export class UserNotFound extends Schema.TaggedError<UserNotFound>()(
  "UserNotFound",
  { userId: UserId },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `There is no user ${this.userId}.`
  }
}

export class UserExists extends Schema.TaggedError<UserExists>()(
  "UserExists",
  { field: Schema.Literal("username", "email") },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `This ${this.field} is taken.`
  }
}

/** Somebody has to be left who can let others in. */
export class LastAdministrator extends Schema.TaggedError<LastAdministrator>()(
  "LastAdministrator",
  {},
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return "This is the last active administrator; make another one first."
  }
}

/** An administrator takes his own rights only by another's hand. */
export class OwnAccount extends Schema.TaggedError<OwnAccount>()(
  "OwnAccount",
  {},
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return "Nobody deletes, deactivates or demotes himself; ask another administrator."
  }
}

/** Devices need an owner who is there. */
export class CannotInherit extends Schema.TaggedError<CannotInherit>()(
  "CannotInherit",
  { userId: UserId },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `User ${this.userId} cannot take the devices over: that takes another user, and an active one.`
  }
}

/** What is to become of the devices has to be said. */
export class UserHasDevices extends Schema.TaggedError<UserHasDevices>()(
  "UserHasDevices",
  {
    userId: UserId,
    deviceCount: Schema.Int,
    /** the first of them */
    deviceIds: Schema.Array(Schema.String)
  },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `User ${this.userId} has ${this.deviceCount} devices: repeat with ?devices=delete or ?devices=transfer:<userId>.`
  }
}
