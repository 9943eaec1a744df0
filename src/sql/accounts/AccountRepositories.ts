import { Layer } from "effect"
import { ApiKeys } from "./ApiKeys.ts"
import { AuditLog } from "../admin/AuditLog.ts"
import { EventTickets } from "./EventTickets.ts"
import { LoginThrottle } from "./LoginThrottle.ts"
import { RefreshTokens } from "./RefreshTokens.ts"
import { UserDirectory } from "./UserDirectory.ts"
import { Users } from "./Users.ts"

/** Users, by what they come in, and what they did. */
export const AccountRepositories = Layer.mergeAll(
  Users.layer,
  UserDirectory.layer,
  RefreshTokens.layer,
  LoginThrottle.layer,
  ApiKeys.layer,
  EventTickets.layer,
  AuditLog.layer
)
