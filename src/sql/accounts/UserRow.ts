import { Schema, Struct } from "effect"
import { Role, User, UserId } from "../../domain/User.ts"

export const userColumns = "id, username, email, password_hash, full_name, role, is_active, last_login, created_at, updated_at"

/** A row of `users` with {@link userColumns}. */
export const UserRow = Schema.Struct({
  id: UserId,
  username: Schema.String,
  email: Schema.String,
  passwordHash: Schema.String,
  fullName: Schema.NullOr(Schema.String),
  role: Role,
  isActive: Schema.transformLiterals([1, true], [0, false]),
  lastLogin: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})

export const toUser = (row: typeof UserRow.Type) => new User(Struct.omit(row, "passwordHash"))
